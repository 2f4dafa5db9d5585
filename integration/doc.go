// Package integration tests the whole product on a real network: Fabric's own
// programs, four regions, sixteen peers, the contract behind them and the
// command that people run.
//
// One network serves all tests of this folder; those that need one of their own are in
// law, residue and fault. TestMain starts it in a temporary directory
// through the code of `domicile network up`, or attaches to one with
// -network=DIR. Tests isolate themselves by fresh ids, so they run in parallel;
// those that stop nodes do not, and put everything back.
//
// Flags: -network=DIR uses a network that runs and leaves it running;
// -network-required makes missing programs a failure instead of a loud skip;
// -keep keeps the network and its logs; -soak runs the long variants.
package integration
