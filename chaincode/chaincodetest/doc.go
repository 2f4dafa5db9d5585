// Package chaincodetest runs the contract without a network, and tests every
// network that runs it.
//
// [Ledger] is an in-memory Fabric 3.1 channel: one peer for each organisation,
// each with its own private state, simulating separately. It keeps the rules
// that decide whether a contract over private data is right:
//
//   - a transaction never reads its own writes
//   - private queries and writes exclude each other, public writes included
//   - only members of a collection read and write it, judged by the creator
//   - a private hash can be read by anybody on any peer
//   - a peer that lacks the newest private value refuses single reads of it and
//     answers range queries with the stale one
//   - MVCC on public reads, hashed reads and reads of absent keys, in block order
//   - endorsement policies of chaincode, collection and key
//   - purge, its capability, and that it ends every version of the key
//   - an endorsement hands private data to peers before it looks at the response
//   - one event a transaction, the last one set; a write batch without order
//   - a window around the clock outside of which no proposal is simulated
//
// Where source is cited it is that of github.com/hyperledger/fabric v3.1.1.
//
// [Exercise] is the conformance suite: it runs on the in-memory network of
// [NewMemory] and on a real one, which keeps the former honest.
package chaincodetest
