// Package chaincode is the contract that keeps health records in their region,
// proves them to everybody else, and destroys them when the law says so. It runs
// on Hyperledger Fabric 3.1 over the contract API.
//
// Requests, answers, keys and error codes are in package
// [domicile/chaincode/record]. One file holds one capability.
//
// # Order of checks
//
// A peer hands the private writes of a simulation to other peers' transient
// stores before it looks at the response, so an operation that puts and then
// fails has already spread plaintext (Fabric v3.1.1 core/endorser/endorser.go).
// Therefore every private operation goes through the same steps: exact function
// and arity, strict decoding, policy, the peer's organisation, the caller's
// organisation and role, the operation's own checks, reads, and writes last of
// all. A write that fails after that can only be a peer's failure.
//
// # What the contract never does
//
// It reads no clock, file or environment but the peer's MSP id and the time zone
// database, of the machine or else its own, which tells the custodian's day: two
// endorsers with different ones may disagree for hours about a date, and then the
// transaction is refused. It iterates no map into its results, and puts no value of
// a request into an error. Salts and nonces are drawn from the client's seed, so that
// all endorsers agree.
package chaincode
