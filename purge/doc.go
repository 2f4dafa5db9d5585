// Package purge destroys the records whose retention has ended, and has the
// other regions confirm it.
//
// It sees the ledger only through [Ledger]. [Plan] reads and counts; [Run] does
// the work: it pages through what is due, reads every record again by its own
// key, purges in batches and publishes tombstones. [DryRun] wraps a Ledger so that
// [Run] takes every decision and changes nothing.
//
// # Why there is no job state
//
// The ledger is the queue. At every moment each record is in exactly one of the
// states below, the next step follows from the state alone, and repeating a step
// that took effect changes nothing. So a run may be killed anywhere, and two runs
// may overlap: whoever runs next finishes.
//
//	present   due, not held, small: purge all of it   -> gone
//	present   due, not held, large: purge its body    -> partial
//	partial   tombstone, then purge the rest          -> gone, tombstone there
//	gone      tombstone, if it is missing             -> done
//
// A present and a partial record are found through the due index, a gone one
// without tombstone through the gone register ([record.DueRequest]).
//
// # Why batches have a fixed size and mix people
//
// How many keys a purge names, and which purges share a transaction, is public.
// Batches therefore hold a fixed count of records, of several put transactions drawn
// in random order, so that a batch does not show which records belong to one person.
// Records of one put transaction stay together, because the block of the put has
// linked them already. What does not fill a batch waits for the next page of the
// index, and at the end for [Options].HoldBack days; made-up records cannot fill it,
// because each purge is published. Published tombstones are taken off the list of what
// is to do in transactions of their own, so that purges have one shape.
//
// # Why they are paced by bytes
//
// Fabric 3.1 removes purged bytes in a sweep after the block. For every purged key
// it rewrites the private write set of the transaction that wrote the key, and once
// a sweep has touched more than 4 MB it does so again for every further key
// (core/ledger/pvtdatastorage/store.go, purgeUpdatesProcessor). [Run] waits for each
// purge to commit, and with [Options].Peers until every peer that answers has processed
// its block, before it sends the next, and keeps the write sets that one batch
// touches under [DefaultSweepBytes]. A record over [record.BatchBytes] is alone in
// its write set; its body goes first, by itself, and the other keys after at least
// one more block, when nothing large is left to rewrite.
package purge
