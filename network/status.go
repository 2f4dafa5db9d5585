package network

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"
)

// States of a node.
const (
	StateRunning   = "running"    // does its work
	StateStopped   = "stopped"    // not running, ended on purpose or never started
	StateDead      = "dead"       // not running though nobody stopped it
	StateUnready   = "unready"    // runs but does not answer (yet)
	StateNoChannel = "no-channel" // runs and answers but has not the channel
)

// Node is the state of one node.
type Node struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // orderer, peer or chaincode
	Org     string `json:"org"`
	Region  string `json:"region"`
	PID     int    `json:"pid"`     // 0 if it does not run
	Address string `json:"address"` // host:port of its service
	DataDir string `json:"dataDir"`
	LogFile string `json:"logFile"`
	State   string `json:"state"`  // one of the State constants
	Height  uint64 `json:"height"` // blocks of the channel; 0 for chaincode servers
}

// statusPatience is how long a node may take for one answer. A busy machine with every
// node on it, all asked at once, may need seconds for that.
const statusPatience = 20 * time.Second

// Status asks every node how it is, in parallel. It fails only if ctx ends;
// what is wrong with a node is its State.
func (n *Network) Status(ctx context.Context) ([]Node, error) {
	out := make([]Node, len(n.nodes))
	var g errgroup.Group
	for i, s := range n.nodes {
		g.Go(func() error {
			out[i] = n.nodeStatus(ctx, s)
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
	return out, ctx.Err()
}

func (n *Network) nodeStatus(ctx context.Context, s spec) Node {
	node := Node{
		Name: s.name, Kind: s.kind, Org: s.org, Region: s.region,
		Address: s.address(), DataDir: s.dataDir(), LogFile: s.logFile(), State: StateStopped,
	}
	p, recorded, err := readPid(s.pidFile())
	if !recorded && err == nil {
		return node
	}
	if err != nil || !p.alive() {
		node.State = StateDead
		return node
	}
	node.PID = p.pid
	ctx, cancel := context.WithTimeout(ctx, statusPatience)
	defer cancel()
	if s.kind == KindChaincode {
		err = n.chaincodeServes(ctx, s)
	} else {
		node.Height, err = n.height(ctx, s)
	}
	switch {
	case err == nil:
		node.State = StateRunning
	case errors.Is(err, errNoChannel):
		node.State = StateNoChannel
	default:
		node.State = StateUnready
	}
	return node
}
