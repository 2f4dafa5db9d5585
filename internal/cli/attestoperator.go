package cli

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
	"domicile/gateway"
	"domicile/network"
)

// operator is one organisation's nodes, and who signs for them.
type operator struct {
	org              string
	certificate, key string
	nodes            func(ctx context.Context) ([]attest.Node, []string, error) // and the names of those that cannot be searched
	scrubbed         string
	memory           bool
}

// operators are those that a command works for.
func (a *app) operators(o attestFlags) ([]operator, error) {
	if a.settings != "" || len(o.peers) > 0 {
		op, err := a.remoteOperator(o)
		return []operator{op}, err
	}
	n, err := network.Open(a.dir)
	if err != nil {
		return nil, hinted{err, "name the network's directory with --dir, or the settings of an organisation with --settings and its peers with --peer"}
	}
	var out []operator
	for _, r := range n.Topology().Regions {
		for _, org := range r.Organizations {
			if r.Name != o.region || o.org != "" && org.Name != o.org {
				continue
			}
			cert, key, err := n.Identity(org.Name, network.RoleAdmin)
			if err != nil {
				return nil, err
			}
			out = append(out, operator{org: org.Name, certificate: cert, key: key, scrubbed: n.ScrubState(org.Name), memory: true, nodes: localNodes(n, org.Name)})
		}
	}
	if len(out) == 0 {
		return nil, usagef("no organisation %s in region %s of this network", o.org, o.region)
	}
	return out, nil
}

// localNodes are peers and chaincode server of an organisation of the local network.
func localNodes(n *network.Network, org string) func(context.Context) ([]attest.Node, []string, error) {
	return func(ctx context.Context) ([]attest.Node, []string, error) {
		status, err := n.Status(ctx)
		if err != nil {
			return nil, nil, err
		}
		var nodes []attest.Node
		var missing []string
		for _, x := range status {
			switch {
			case x.Org != org || x.Kind == network.KindOrderer:
			case x.State != network.StateRunning:
				missing = append(missing, x.Name)
			default:
				nodes = append(nodes, attest.Node{Name: x.Name, Kind: x.Kind, Dirs: []string{filepath.Dir(x.LogFile)}, PID: x.PID, Height: x.Height})
			}
		}
		return nodes, missing, nil
	}
}

// remoteOperator searches directories that were named.
func (a *app) remoteOperator(o attestFlags) (operator, error) {
	if a.settings == "" || len(o.peers) == 0 || o.certificate == "" || o.key == "" {
		return operator{}, usage{errors.New("without a local network attest needs --settings, --peer, --certificate and --key"), "name each directory that a peer writes to as --peer NAME=DIR"}
	}
	s, err := gateway.LoadSettings(a.settings)
	if err != nil {
		return operator{}, err
	}
	var nodes []attest.Node
	for _, p := range o.peers {
		name, dir, ok := strings.Cut(p, "=")
		if !ok || name == "" || dir == "" {
			return operator{}, usagef("--peer %s is not NAME=DIR", p)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return operator{}, usagef("--peer %s: %s is no directory", name, dir)
		}
		i := slices.IndexFunc(nodes, func(n attest.Node) bool { return n.Name == name })
		if i < 0 {
			i, nodes = len(nodes), append(nodes, attest.Node{Name: name, Kind: network.KindPeer})
		}
		nodes[i].Dirs = append(nodes[i].Dirs, dir)
	}
	return operator{org: s.Org, certificate: o.certificate, key: o.key, scrubbed: o.state, nodes: func(ctx context.Context) ([]attest.Node, []string, error) {
		client, err := a.connect(ctx, where{o.region, o.org, record.RolePurger})
		if err != nil {
			return nil, nil, err
		}
		defer client.Close()
		out, missing := slices.Clone(nodes), []string{}
		for _, h := range client.Heights(ctx) {
			i := slices.IndexFunc(out, func(n attest.Node) bool { return n.Name == h.Peer })
			if i >= 0 {
				out[i].Height = h.Height
			} else if h.Org == s.Org {
				missing = append(missing, h.Peer)
			}
		}
		out = slices.DeleteFunc(out, func(n attest.Node) bool {
			if n.Height == 0 {
				missing = append(missing, n.Name)
			}
			return n.Height == 0
		})
		return out, missing, nil
	}}, nil
}

// heightWait is how long nodes may take to have the block of the last purge.
const heightWait = 30 * time.Second

// reached waits until the nodes have the block of the last purge. Those that do not
// get there are missing.
func reached(ctx context.Context, op operator, height uint64) (nodes []attest.Node, missing []string, err error) {
	end := time.Now().Add(heightWait)
	for {
		all, gone, err := op.nodes(ctx)
		if err != nil {
			return nil, nil, err
		}
		nodes, missing = nil, gone
		late := false
		for _, n := range all {
			if n.Kind == network.KindPeer && n.Height < height {
				late, missing = true, append(missing, n.Name)
				continue
			}
			nodes = append(nodes, n)
		}
		if !late || time.Now().After(end) {
			return nodes, missing, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// sign signs a statement as the operator.
func sign(s certificate.Statement, op operator) (*certificate.Attestation, error) {
	cert, err := os.ReadFile(op.certificate)
	if err != nil {
		return nil, openError(err)
	}
	text, err := os.ReadFile(op.key)
	if err != nil {
		return nil, openError(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, usagef("%s holds no key in PEM", op.key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, usagef("%s is no PKCS #8 key", op.key)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, usagef("%s is no key that signs", op.key)
	}
	return certificate.Sign(s, cert, signer)
}
