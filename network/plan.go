package network

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
)

// The fixed names of every network.
const (
	// Channel is the one channel, which all organizations join.
	Channel = "global"
	// Chaincode is the name of the contract on the channel.
	Chaincode = "domicile"
)

// Kinds of nodes.
const (
	KindOrderer   = "orderer"
	KindPeer      = "peer"
	KindChaincode = "chaincode"
)

// Ports; every node has an address of its own, so all nodes of a kind share them.
const (
	portOrderer        = 7050
	portOrdererAdmin   = 7053
	portPeer           = 7051
	portPeerChaincode  = 7052
	portOperations     = 9443
	portChaincode      = 9999
	portReservation    = 7049
	hostOrderer        = 1   // orderers are .1 to .9
	hostPeer           = 11  // peers are .11 to .190
	hostChaincode      = 201 // chaincode servers are .201 to .240
	hostReservation    = 254
	instances          = 254
	fabricMaxBatch     = 500
	fabricMaxBlockSize = 10 << 20
)

// spec is what is fixed about a node: everything follows from the topology,
// the instance octet and the network's directory.
type spec struct {
	name, kind, org, region string
	index                   int // within its organization
	ip                      string
	dir                     string // DIR/nodes/<name>
}

func (s spec) port() int {
	switch s.kind {
	case KindOrderer:
		return portOrderer
	case KindPeer:
		return portPeer
	}
	return portChaincode
}

func (s spec) addr(port int) string { return net.JoinHostPort(s.ip, strconv.Itoa(port)) }
func (s spec) address() string      { return s.addr(s.port()) }
func (s spec) dataDir() string      { return filepath.Join(s.dir, "data") }
func (s spec) configDir() string    { return filepath.Join(s.dir, "config") }
func (s spec) logFile() string      { return filepath.Join(s.dir, "log") }
func (s spec) pidFile() string      { return filepath.Join(s.dir, "pid") }
func (s spec) mspDir() string       { return filepath.Join(s.dir, "msp") }
func (s spec) tlsCert() string      { return filepath.Join(s.dir, "tls", "server.crt") }
func (s spec) tlsKey() string       { return filepath.Join(s.dir, "tls", "server.key") }
func (s spec) tlsCA() string        { return filepath.Join(s.dir, "tls", "ca.crt") }

// listens is every address the node binds.
func (s spec) listens() []string {
	switch s.kind {
	case KindOrderer:
		return []string{s.addr(portOrderer), s.addr(portOrdererAdmin), s.addr(portOperations)}
	case KindPeer:
		return []string{s.addr(portPeer), s.addr(portPeerChaincode), s.addr(portOperations)}
	}
	return []string{s.addr(portChaincode)}
}

// plan lists the nodes of a topology: orderers, peers, chaincode servers, each
// in topology order.
func plan(t Topology, instance int, dir string) []spec {
	var orderers, peers, chaincodes []spec
	for _, r := range t.Regions {
		ip := func(host int) string { return fmt.Sprintf("127.%d.%d.%d", r.Octet, instance, host) }
		add := func(list *[]spec, name, kind, org string, index, host int) {
			*list = append(*list, spec{
				name: name, kind: kind, org: org, region: r.Name, index: index,
				ip: ip(host), dir: filepath.Join(dir, "nodes", name),
			})
		}
		for i := range r.Orderers {
			org := r.ordererOrg()
			add(&orderers, fmt.Sprintf("orderer%d.%s", i, org), KindOrderer, org, i, hostOrderer+i)
		}
		host := hostPeer
		for n, o := range r.Organizations {
			for i := range o.Peers {
				add(&peers, fmt.Sprintf("peer%d.%s", i, o.Name), KindPeer, o.Name, i, host)
				host++
			}
			add(&chaincodes, "chaincode."+o.Name, KindChaincode, o.Name, 0, hostChaincode+n)
		}
	}
	return append(append(orderers, peers...), chaincodes...)
}

// ofKind keeps the nodes of one kind.
func ofKind(nodes []spec, kind string) []spec {
	var out []spec
	for _, s := range nodes {
		if s.kind == kind {
			out = append(out, s)
		}
	}
	return out
}

// ofOrg keeps the nodes of one kind and organization.
func ofOrg(nodes []spec, kind, org string) []spec {
	var out []spec
	for _, s := range ofKind(nodes, kind) {
		if s.org == org {
			out = append(out, s)
		}
	}
	return out
}
