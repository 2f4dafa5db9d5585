// Package erasure looks for bytes that should be gone, and helps them go.
//
// Hyperledger Fabric's purge is logical: the bytes of a purged record stay in LevelDB tables and journals, in transient
// stores, in process memory and in free disk blocks until something overwrites them. LevelDB compresses its tables with
// Snappy and splits its journals at 32 KiB, so searching files for a string passes where it must fail. This package opens
// these containers:
//
//   - [Scan] searches every file of directory trees for byte patterns: as they are, inside LevelDB tables (every version of
//     every entry of every table on disk, whether the database still uses it or not), in re-joined LevelDB journal records,
//     in gzip streams, and in the usual textual encodings (base64, hex, JSON escapes, UTF-16, …). It only reads, so it may
//     run on the directory of a running peer.
//   - [Blocks], [DecodeBlock], [BlockFields] and [ScanBlocks] take Fabric blocks apart into named fields, so that a leak
//     can be told by its place: tx[0].args[1], tx[0].creator.subject.
//   - [ScanProcess] searches the memory of a running process.
//   - [Compact] rewrites a stopped LevelDB so that no shadowed or deleted version is left in its files.
//
// What could not be searched is named in [Report.NotCovered]; a report is clean only when it found nothing and that list
// is empty. Findings name patterns, never show them: a report holds no health data as long as the names of patterns hold
// none.
//
// # Limits
//
// Only files are seen: not free blocks of the disk, file system journals, swap, snapshots of volumes or backups elsewhere.
// A part of a pattern is not a hit: give several short patterns rather than one long one. LevelDB files inside archives,
// and archives other than gzip, are not opened but named as not covered. Encrypted bytes are invisible.
package erasure
