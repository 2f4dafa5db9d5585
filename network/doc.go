// Package network makes, starts, inspects, breaks and heals a multi-region
// Hyperledger Fabric network of native processes: no containers, no root, no
// names to resolve, nothing outside 127.0.0.0/8 and one directory.
//
// # What runs
//
// A Topology lists regions, their organizations and orderers. Up turns it into
// one peer process for each peer, one chaincode server for each organization
// (the only process besides its peers that sees its plaintext) and one orderer
// process for each orderer, all on the channel Channel with the chaincode
// Chaincode. An organization's name is its MSP id.
//
// Every node has an IP address of its own, 127.<region>.<instance>.<n>:
// orderers are 1 to 9, peers 11 to 190, chaincode servers 201 to 240. The
// instance is chosen free when the network is made and kept, so several
// networks run side by side and a listing of sockets shows which region talks
// to which. Ports are the same everywhere: orderer 7050 and 7053
// (administration), peer 7051 and 7052 (chaincode), chaincode server 9999,
// operations and metrics 9443. All of them use TLS; administration, operations
// and chaincode ask for a client certificate of the same organization.
//
// # Where things are
//
//	DIR/network.json             topology, instance, programs
//	DIR/lock                     held while the network is being changed
//	DIR/channel/genesis.block    the channel's first block, and what it is made of
//	DIR/orgs/ORG/ca, tlsca       the organization's two authorities with their keys
//	DIR/orgs/ORG/users/ROLE/msp  its users; officer2 is a second officer
//	DIR/orgs/ORG/roles.json      what the role codes in its certificates mean
//	DIR/regions/REGION/index.key the region's secret for index tokens
//	DIR/nodes/NODE               config, data, log, pid, msp and tls of one node
//
// Back up orgs, regions and the data of at least one peer of each
// organization; index.key cannot be made again.
//
// # Who may do what
//
// Changing the channel or the chaincode definition takes every region: the
// Admins policies of the channel and of its application and orderer parts, and
// the policy LifecycleEndorsement, are signature policies AND over the regions
// of OR over the region's organizations (Topology.GovernancePolicy). Fabric's
// own default counts organizations, and regions with many of them could read
// what the others hold. Whole blocks, with the private data a peer holds, are
// streamed only to certificates with the organizational unit "auditor"; a
// refused stream closes without a block and without an error. Everybody else
// reads public blocks through qscc.
//
// Certificates name nobody: common names are random, roles are random codes
// (attribute RoleAttribute) that only the organization can translate.
//
// # Settings that matter for destruction
//
// Peers sweep what was purged at every block (purgeInterval 1), do not log its
// keys, drop what was endorsed but never ordered after 10 to 20 blocks and log
// at info: at debug the log would hold plaintext. Doctor looks for that and
// for other things that go wrong quietly, such as a peer that lost its ledger
// and still calls itself healthy; Rejoin heals it.
//
// # Processes
//
// Nodes are detached from the program that starts them and write to log files,
// which grow without limit. A pid file holds the pid and the start time of the
// process, so a pid that was given to another process is neither taken for the
// node nor ended. Up makes a network, resumes a stopped one or starts what is
// missing; when making one fails nothing of it is left.
package network
