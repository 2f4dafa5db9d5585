// Package record is the wire contract between the chaincode and everybody who
// talks to it: function names, transient fields, requests and answers, stored
// values, ids and tokens, sealed answers, and the one list of error codes.
//
// It imports the standard library only, so that the chaincode, the gateway, the
// purge service and an auditor's own program can all share it.
//
// # What is public and what is not
//
// Everything in the arguments of a transaction is on every disk of the channel
// for ever. So arguments hold ids, collection names and hashes and nothing else
// ([AnchorRequest], [TombstoneRequest], [ProofRequest], [VerifyRequest] and the
// public policy). Whatever carries or asks for private data goes through
// [FuncWrite] or [FuncRead], which take no argument at all: operation, keys and
// payload travel in the transient map ([FieldOp], [FieldRequest], [FieldBody]).
package record
