// Package collections owns the residency policy: which organisations form a
// region, which private data collections they keep, who may do what in them, how
// long records are kept and under which authority.
//
// A policy has two parts, never mixed:
//
//   - the public part ([Policy]), agreed by all organisations, byte-identical
//     everywhere and on the channel, one key per region ([Policy.RegionJSON]).
//     It says who holds what; never why a record lies where it lies;
//   - one holder-private part per log collection ([Private]): which security
//     labels lead to which collection and which certificate codes are which
//     roles. It lives in the holder's own private data.
//
// Both are read from YAML strictly: an unknown or repeated key, an anchor, a
// missing authority, a member outside its region is an error that names file,
// line and key and says what to do; all errors of a file are reported together.
// From there a policy compiles to its canonical JSON ([Policy.Public]), to
// Fabric's collection configuration ([Policy.Fabric]) and to the endorsement
// policy of the chaincode ([Policy.EndorsementPolicy]). [Diff] tells what a change
// means and refuses what Fabric or the residency rules forbid; [LintFabric] does
// the same for a collection configuration written by somebody else.
//
// The package is pure: no Fabric, no clock, no network, no files but the embedded
// demo policies and, for [Custodian.Location] alone, the time zone database, so that
// the chaincode can decide with it deterministically.
package collections
