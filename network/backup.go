package network

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"domicile/erasure"
)

// Backup stops a peer, copies its data to the folder to, which must not exist, and
// starts it again. The copy holds private data in clear, also of records that are purged
// later: keep it as the peer itself is kept, and no longer than the law allows.
func (n *Network) Backup(ctx context.Context, peer, to string) error {
	s, err := n.peer(peer)
	if err != nil {
		return err
	}
	if _, err := os.Stat(to); err == nil {
		return fmt.Errorf("%s is there already; name a new folder", to)
	}
	if err := n.StopNode(ctx, peer); err != nil {
		return err
	}
	err = os.CopyFS(to, os.DirFS(s.dataDir()))
	if err == nil {
		err = os.Chmod(to, 0o700)
	}
	return errors.Join(err, n.StartNode(context.WithoutCancel(ctx), peer))
}

// Restore replaces a peer's data by a backup and lets it serve only when everything
// that was purged since is purged from it as well, and scrubbed from its files.
//
// Until then the peer runs in quarantine: it fetches blocks from the orderers and
// speaks to nobody else, since it listens on no address that a client or another peer
// knows, its gateway is off, and its chaincode server is told to it as one that is not
// there. What it misses of the time after the backup it fetches from the other members
// once it is back among them. The peer's present data is deleted when the
// backup has been copied beside it.
//
// An interrupted Restore leaves the peer stopped; run it again.
func (n *Network) Restore(ctx context.Context, peer, from string) error {
	s, err := n.peer(peer)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(from, "ledgersData")); err != nil {
		return fmt.Errorf("%s is no backup of a peer: %w", from, err)
	}
	if err := n.StopNode(ctx, peer); err != nil {
		return err
	}
	next := s.dataDir() + ".restored"
	if err := errors.Join(os.RemoveAll(next), os.CopyFS(next, os.DirFS(from))); err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	if err := errors.Join(os.RemoveAll(s.dataDir()), os.Rename(next, s.dataDir())); err != nil {
		return err
	}
	if err := n.quarantine(ctx, s); err != nil {
		return errors.Join(fmt.Errorf("%s stays stopped, it has not caught up: %w", peer, err), n.StopNode(context.WithoutCancel(ctx), peer))
	}
	if err := erasure.CompactPeer(ctx, s.dataDir()); err != nil {
		return fmt.Errorf("%s stays stopped, its files are not scrubbed: %w", peer, err)
	}
	return n.StartNode(ctx, peer)
}

// peer finds a peer by its name.
func (n *Network) peer(name string) (spec, error) {
	s, err := n.node(name)
	if err == nil && s.kind != KindPeer {
		err = fmt.Errorf("%s is not a peer", name)
	}
	return s, err
}

// portQuarantine is where a peer in quarantine listens. Nobody is told.
const portQuarantine = 7951

// quarantine runs the peer until it has all blocks that the orderers had at the
// beginning, and stops it.
func (n *Network) quarantine(ctx context.Context, s spec) error {
	var top uint64
	for _, o := range ofKind(n.nodes, KindOrderer) {
		if h, err := n.height(ctx, o); err == nil {
			top = max(top, h)
		}
	}
	if top == 0 {
		return errors.New("no orderer tells the channel's height")
	}
	c, err := n.launch().prepare(s)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", s.name, err)
	}
	hidden := s.addr(portQuarantine)
	c.env = append(c.env,
		"CORE_PEER_LISTENADDRESS="+hidden, "CORE_PEER_ADDRESS="+hidden, "CORE_PEER_GATEWAY_ENABLED=false",
		"CORE_PEER_GOSSIP_BOOTSTRAP="+hidden, "CORE_PEER_GOSSIP_ENDPOINT="+hidden, "CORE_PEER_GOSSIP_EXTERNALENDPOINT=",
		// Nobody is there to ask for private data: do not wait for it at each block.
		"CORE_PEER_GOSSIP_PVTDATA_PULLRETRYTHRESHOLD=0s", "CORE_PEER_GOSSIP_PVTDATA_RECONCILIATIONENABLED=false",
		"CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG={}")
	if _, err := s.start(c); err != nil {
		return err
	}
	err = until(ctx, func() error {
		if _, ok := s.running(); !ok {
			return &finalError{fmt.Errorf("%s ended; the last line of %s: %s", s.name, s.logFile(), s.logTail())}
		}
		if ledgerBroken(s) {
			return &finalError{fmt.Errorf("%s cannot load the backup's ledger", s.name)}
		}
		h, err := n.metricHeight(ctx, s)
		if err == nil && h < top {
			err = fmt.Errorf("%s is at height %d of %d", s.name, h, top)
		}
		return err
	})
	return errors.Join(err, s.stop(context.WithoutCancel(ctx), syscall.SIGTERM))
}

// metricHeight is a peer's height as its operations endpoint tells it, which
// answers in quarantine, too, to the operator's certificate.
func (n *Network) metricHeight(ctx context.Context, s spec) (uint64, error) {
	status, body, err := n.do(ctx, s, http.MethodGet, "https://"+s.addr(portOperations)+"/metrics", "", nil)
	if err != nil {
		return 0, err
	}
	if status != http.StatusOK {
		return 0, fmt.Errorf("%s: /metrics answers %d", s.name, status)
	}
	for line := range strings.Lines(string(body)) {
		if v, ok := strings.CutPrefix(line, `ledger_blockchain_height{channel="`+Channel+`"} `); ok {
			h, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			return uint64(h), err
		}
	}
	return 0, fmt.Errorf("%s: the height is not among the metrics", s.name)
}
