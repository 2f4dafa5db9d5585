// Package attest searches the nodes of one organisation for bytes of purged records
// and makes the operator's statement of it; and it joins the statements of several
// operators into a report that names who is missing.
//
// A purge leaves prints of each record's salts and index keys, which find these bytes
// without being able to tell them (see record.Evidence). [Search] looks for them in
// every file below a node's directory, in whatever container they lie, and in the
// memory of its process. What it returns is signed with certificate.Sign. [Join]
// compares attestations with who holds which collection.
//
// A statement says what was seen where. It does not prove that nothing was hidden from
// the search; see [Never] for what no search reaches.
package attest
