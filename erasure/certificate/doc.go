// Package certificate writes and checks certificates of destruction: one JSON file from which, with nothing but the
// genesis block of the channel, a stranger checks what the ledger proves about one record's existence and its purge.
//
// [Verify] takes the two files and returns a [Report] with three lists that are never mixed: what the ledger proves,
// what somebody states (and who), and what nobody can prove. It has no network access, reads no clock and no file, and
// trusts nothing in the certificate: the organisations' certificate authorities and the orderers come from the genesis
// block, then from each configuration block that a quorum of the orderers before it has signed.
//
// [Collect] makes a certificate from the blocks of a ledger. [Sign] and [VerifyAttestation] are for the operators'
// statements about their disks, which a certificate may carry.
//
// # What is signed
//
// A block's number, its previous hash and its data are signed by the orderers; the flags that say which of its
// transactions are valid are signed by nobody, so a certificate does not hold them. Validity comes from later
// transactions instead: an endorsing peer signs the version (block and position) of every key it read, and a peer's
// state has only what valid transactions wrote. So the anchor's endorsers vouch for the put, the tombstone's for the
// anchor and the purge, the receipt's for the tombstone; each time peers of at least two regions.
//
// Which organisations make a region is read from the channel's policy LifecycleEndorsement, in force at each block: a
// signature policy that every region must meet and that names each region's organisations. It is part of the signed
// configuration, it is what all regions themselves go by when they decide who may change the contract, and it cannot be
// changed without all of them. The policy documents that the contract keeps on the ledger would need evidence of their
// own and say no more.
package certificate
