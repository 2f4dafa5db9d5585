package network

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"domicile/erasure"
)

// backupNote is the file of a backup that says whose it is. It is written last: a
// folder without it is no backup, or not a whole one.
const backupNote = "domicile-backup.json"

// ErrBackup is returned for a folder that is no backup that the peer may have.
var ErrBackup = errors.New("not a backup for this peer")

// backupOf says whose data a backup holds.
type backupOf struct {
	Version int    `json:"version"`
	Peer    string `json:"peer"`
	Org     string `json:"org"`
	Genesis string `json:"genesis"` // SHA-256 of the genesis block's file, hex
}

// identity is what a backup of a peer says now.
func (n *Network) identity(s spec) (backupOf, error) {
	b, err := os.ReadFile(genesisPath(n.dir))
	if err != nil {
		return backupOf{}, fmt.Errorf("read the genesis block: %w", err)
	}
	sum := sha256.Sum256(b)
	return backupOf{1, s.name, s.org, hex.EncodeToString(sum[:])}, nil
}

// Backup stops a peer, copies its data to the folder to, which must not exist, and
// starts it again. The copy holds private data in clear, also of records that are purged
// later: keep it as the peer itself is kept, and no longer than the law allows.
func (n *Network) Backup(ctx context.Context, peer, to string) error {
	s, err := n.peer(peer)
	if err != nil {
		return err
	}
	if s.quarantined() {
		return quarantineError(s)
	}
	own, err := n.identity(s)
	if err != nil {
		return err
	}
	// Nobody else may look into it, from the beginning.
	if err := os.Mkdir(to, 0o700); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; name a new folder", to)
	} else if err != nil {
		return fmt.Errorf("make the backup's folder: %w", err)
	}
	if err := n.StopNode(ctx, peer); err != nil {
		return err
	}
	err = os.CopyFS(to, os.DirFS(s.dataDir()))
	if err == nil {
		err = writeNote(filepath.Join(to, backupNote), own)
	}
	return errors.Join(err, n.StartNode(context.WithoutCancel(ctx), peer))
}

func writeNote(path string, b backupOf) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// checkBackup refuses what is not a whole backup of a peer of the same organization on
// the same channel: another organization's holds plaintext that must not come here.
func (n *Network) checkBackup(s spec, from string) error {
	if _, err := os.Stat(filepath.Join(from, "ledgersData")); err != nil {
		return fmt.Errorf("%w: %s is no backup of a peer: %w", ErrBackup, from, err)
	}
	b, err := os.ReadFile(filepath.Join(from, backupNote))
	if err != nil {
		return fmt.Errorf("%w: %s is not one that `network backup` has finished: %w", ErrBackup, from, err)
	}
	own, err := n.identity(s)
	if err != nil {
		return err
	}
	var got backupOf
	if json.Unmarshal(b, &got) != nil || got.Version != own.Version {
		return fmt.Errorf("%w: %s is of a version not known here", ErrBackup, filepath.Join(from, backupNote))
	}
	if got.Org != own.Org || got.Genesis != own.Genesis {
		return fmt.Errorf("%w: %s is of %s, of organization %s on the channel of genesis block %.16s; %s is of %s, %.16s",
			ErrBackup, from, got.Peer, got.Org, got.Genesis, s.name, own.Org, own.Genesis)
	}
	return nil
}

// CheckRestore says whether [Network.Restore] would take a backup for a peer. It changes
// nothing.
func (n *Network) CheckRestore(peer, from string) error {
	s, err := n.peer(peer)
	if err != nil {
		return err
	}
	return n.checkBackup(s, from)
}

// Restore replaces a peer's data by a backup and lets it serve only when everything
// that was purged since is purged from it as well, and scrubbed from its files, and its
// transient store is empty ([erasure.DropTransientStore]). The
// backup must be of a peer of the same organization ([ErrBackup]). A peer that serves, or
// that was stopped and has a private data store, is replaced only when another one of the
// organization holds a copy of what came after the backup ([ErrNoHealthyCopy]). Without an
// orderer that answers nothing is touched.
//
// Until then the peer runs in quarantine: it fetches blocks from the orderers and
// speaks to nobody else, since it listens on no address that a client or another peer
// knows, its gateway is off, and its chaincode server is told to it as one that is not
// there. What it misses of the time after the backup it fetches from the other members
// once it is back among them. The peer's present data is deleted when the
// backup has been copied beside it.
//
// A peer whose Restore was interrupted, at whatever point, is started by nothing but
// another Restore.
func (n *Network) Restore(ctx context.Context, peer, from string) error {
	s, err := n.peer(peer)
	if err != nil {
		return err
	}
	if err := n.checkBackup(s, from); err != nil {
		return err
	}
	if err := n.replaceable(ctx, s); err != nil {
		return err
	}
	if _, err := n.topHeight(ctx); err != nil {
		return err
	}
	next := s.dataDir() + ".restored"
	if err := copyBackup(next, from); err != nil {
		return errors.Join(err, os.RemoveAll(next))
	}
	if err := n.StopNode(ctx, peer); err != nil {
		return err
	}
	if err := os.WriteFile(s.quarantineFile(), nil, 0o600); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(s.dataDir()), os.Rename(next, s.dataDir())); err != nil {
		return err
	}
	if err := n.quarantine(ctx, s); err != nil {
		return errors.Join(fmt.Errorf("%s stays stopped, it has not caught up; run it again: %w", peer, err), n.StopNode(context.WithoutCancel(ctx), peer))
	}
	if err := erasure.CompactPeer(ctx, s.dataDir()); err != nil {
		return fmt.Errorf("%s stays stopped, its files are not scrubbed: %w", peer, err)
	}
	// What is in no block yet the other members have, too.
	if err := erasure.DropTransientStore(s.dataDir()); err != nil {
		return fmt.Errorf("%s stays stopped, its transient store is still there: %w", peer, err)
	}
	if err := os.Remove(s.quarantineFile()); err != nil {
		return err
	}
	return n.StartNode(ctx, peer)
}

// replaceable refuses to give up data that may be newer than any backup and nowhere else. A
// peer whose ledger is lost, or that an interrupted restore left, has nothing to lose.
func (n *Network) replaceable(ctx context.Context, s spec) error {
	why := ""
	switch n.nodeStatus(ctx, s).State {
	case StateRunning:
		why = "serves, and a backup is older"
	case StateStopped:
		if _, err := erasure.ReadPrivateStore(ctx, s.dataDir(), Channel); err == nil && !s.quarantined() {
			why = "is stopped and may have what no other peer has; `network up` starts it and shows whether its ledger is lost"
		}
	}
	if why == "" {
		return nil
	}
	if err := n.healthyCopy(ctx, s); err != nil {
		return fmt.Errorf("%s %s: %w", s.name, why, err)
	}
	return nil
}

func copyBackup(to, from string) error {
	if err := errors.Join(os.RemoveAll(to), os.Mkdir(to, 0o700)); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	// What tells a peer where its chaincode server is, and its key for that: made anew from
	// the installed package, for the peer that the backup is put on.
	builds := filepath.Join(to, "externalbuilder", "builds")
	return errors.Join(os.RemoveAll(builds), os.Remove(filepath.Join(to, backupNote)))
}

// quarantineFile exists while the peer's data may hold what was purged since: from
// before a backup takes its place until it is purged again.
func (s spec) quarantineFile() string { return filepath.Join(s.dir, "quarantine") }

func (s spec) quarantined() bool {
	_, err := os.Lstat(s.quarantineFile())
	return !errors.Is(err, fs.ErrNotExist)
}

// ErrQuarantine is returned where a peer would be started whose backup has not been
// purged again.
var ErrQuarantine = errors.New("a backup was put in the place of its data and is not purged again yet")

func quarantineError(s spec) error {
	return fmt.Errorf("%s: %w: run `domicile network restore` again", s.name, ErrQuarantine)
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

// quarantine runs the peer until it has all blocks that any node had at the beginning, and
// has swept what they purged, and stops it. An orderer alone may be behind.
func (n *Network) quarantine(ctx context.Context, s spec) error {
	top, err := n.topHeight(ctx)
	if err != nil {
		return err
	}
	c, err := n.launch().prepare(s)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", s.name, err)
	}
	hidden := s.addr(portQuarantine)
	c.env = append(c.env,
		"CORE_PEER_LISTENADDRESS="+hidden, "CORE_PEER_ADDRESS="+hidden, "CORE_PEER_GATEWAY_ENABLED=false",
		"CORE_PEER_GOSSIP_BOOTSTRAP="+hidden, "CORE_PEER_GOSSIP_ENDPOINT="+hidden, "CORE_PEER_GOSSIP_EXTERNALENDPOINT=",
		// The channel's configuration tells it the anchor peers, and they would pass on where it is.
		"CORE_PEER_GOSSIP_DIALTIMEOUT=1ns",
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
		if err == nil {
			err = s.swept(ctx, top)
		}
		return err
	})
	if err = errors.Join(err, s.stop(context.WithoutCancel(ctx), syscall.SIGTERM)); err != nil {
		return err
	}
	// A block that came meanwhile may have purged, too.
	return s.swept(ctx, top)
}

// swept says whether a peer has all blocks below top in its private data store, and has
// deleted there what they purged. It does so on the side, and what a stop cuts off is
// marked and kept: compaction would keep it, too.
func (s spec) swept(ctx context.Context, top uint64) error {
	store, err := erasure.ReadPrivateStore(ctx, s.dataDir(), Channel)
	switch {
	case err != nil:
		return err
	case store.Blocks < top:
		return fmt.Errorf("%s has private data of %d blocks of %d", s.name, store.Blocks, top)
	case store.Unswept > 0:
		return fmt.Errorf("%s has not swept %d purged keys", s.name, store.Unswept)
	}
	return nil
}

// topHeight is the most blocks that any node has. It is an error when no orderer tells: a
// peer alone may be behind.
func (n *Network) topHeight(ctx context.Context) (top uint64, err error) {
	ordered := false
	for _, o := range n.nodes {
		if o.kind == KindChaincode {
			continue
		}
		if h, err := n.height(ctx, o); err == nil {
			top, ordered = max(top, h), ordered || o.kind == KindOrderer
		}
	}
	if !ordered {
		return 0, errors.New("no orderer tells the channel's height")
	}
	return top, nil
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
