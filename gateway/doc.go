// Package gateway is the client that applications embed to keep health records
// on a Domicile network, read them back, prove them and have them purged.
//
// # Where things go
//
// A [Client] belongs to one organisation in one region. Every call that carries
// or asks for private data goes to the gateway peers of that organisation, which
// are listed in [Settings.Peers], and names the organisations that may endorse
// it; on failure another peer of the same organisation is tried, never one
// elsewhere. Before the first such call the client reads the policy from the
// ledger and refuses to go on when a configured peer belongs to an organisation
// outside the region. Anchors, tombstones and policy changes hold ids and hashes
// only; they enter the network through the same peers, which plan them across
// regions. Reads of proofs may be answered by any region, nearest first.
//
// # What a caller can rely on
//
//   - Every write may be repeated. A lost answer is resolved by sending the same
//     envelope again and asking for its commit status; only when the context ends
//     first does a call answer [ErrUnknownOutcome].
//   - A write that peers of other organisations refuse and one of the client's own takes
//     is endorsed again for some seconds: as a rule those are a block behind, and do not
//     know yet what the client saw committed.
//   - Every stage has its own time limit ([Timeouts]) and its own error type:
//     [*EvaluateError], [*EndorseError], [*SubmitError], [*CommitError]. Each has
//     a stable code (see [record.Codes]) that works with errors.Is and the
//     sentinels of this package, and a Retryable method.
//   - Errors and logs hold ids, codes and peer names, never resource bytes,
//     labels or names of people.
//
// # Health records
//
// [Client.Import] labels every resource by the rules that the holder's private part
// names, records what the input says about people before it puts anything, validates
// where a collection asks for it, and routes by type and labels. [Client.PlanLabels]
// and [Client.RunLabels] follow newer rules: they amend labels and move records, and
// never take a label away. [Client.PlanDue] and [Client.Reassess] do the same for due
// dates, and [Client.PlanErasure] and [Client.PurgeForced] for demands of erasure.
// Whatever protects less, keeps shorter or destroys more is a person's to order.
//
// A Client is safe for concurrent use.
package gateway
