// Package serve runs package purge on a schedule: when to start, how long, what to
// tell monitoring. What may be purged is decided there and in the contract.
//
// A [Service] keeps no state of its own. Whether a record has rested long enough
// follows from its due date on the ledger; a start that was missed is not made up
// for, because the next run finds the same work. Several services may run for one
// region: each record is purged once, the others' attempts are counted as conflicts.
//
// Time comes from the wall clock. A clock that is set forward starts the run it
// skipped, once; one that is set back waits for the next start after the new time.
// Neither purges anything early: the peers refuse proposals whose time is off, and the
// contract compares with the transaction's time.
package serve
