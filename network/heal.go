package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// CheckPrivateData and CheckTransient are checks of [Network.Doctor].
const (
	CheckPrivateData = "private-data" // the peer has the private data of its collections
	CheckTransient   = "transient"    // nothing lies in the transient store for long
)

// ErrNoHealthyCopy means that healing a peer would destroy the last copy of what
// its organization holds.
var ErrNoHealthyCopy = errors.New("no other healthy peer of the organization holds a copy")

// Healed is one thing that [Network.Heal] did.
type Healed struct {
	Node string `json:"node"`
	Did  string `json:"did"`
}

// Heal repairs what [Network.Doctor] finds and a machine can repair: it starts nodes
// that ended without being stopped, and lets peers that lost their ledger (after a purge
// a crash at the wrong moment does that, and so do rollbacks, see [Network.Rejoin]) or cannot reconcile their
// private data forget the channel and join it again. It refuses that with
// [ErrNoHealthyCopy] unless another peer of the organization runs, has the channel, is
// at height and misses no private data. Nodes that were stopped on purpose stay
// stopped. Peers are healed one after another; errors are joined.
func (n *Network) Heal(ctx context.Context) ([]Healed, error) {
	var done []Healed
	var errs []error
	for _, s := range n.nodes {
		// A peer whose ledger is broken would only end again.
		if n.nodeStatus(ctx, s).State != StateDead || s.kind == KindPeer && ledgerBroken(s) {
			continue
		}
		if err := n.StartNode(ctx, s.name); err != nil {
			// A peer may run and need to join again, which comes next.
			if s.kind != KindPeer || n.needsRejoin(ctx, s) == "" {
				errs = append(errs, fmt.Errorf("start %s: %w", s.name, err))
			}
			continue
		}
		done = append(done, Healed{s.name, "started"})
	}
	for _, s := range ofKind(n.nodes, KindPeer) {
		why := n.needsRejoin(ctx, s)
		if why == "" {
			continue
		}
		if err := n.healthyCopy(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", s.name, why, err))
			continue
		}
		if err := n.Rejoin(ctx, s.name); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: join again: %w", s.name, why, err))
			continue
		}
		done = append(done, Healed{s.name, why + "; forgot the channel and joined it again"})
	}
	return done, errors.Join(errs...)
}

// needsRejoin says what is wrong with a peer that only joining again heals.
func (n *Network) needsRejoin(ctx context.Context, s spec) string {
	switch n.nodeStatus(ctx, s).State {
	case StateNoChannel:
		return "has not the channel"
	case StateUnready, StateDead:
		if ledgerBroken(s) {
			return "cannot go on with its ledger"
		}
	case StateRunning:
		if p := readPrivateLog(s); p.stuck {
			return "cannot reconcile its private data"
		}
	}
	return ""
}

// copyPatience is for how long another peer may be behind while it is looked at as a copy.
const copyPatience = 10 * time.Second

// healthyCopy looks for another peer from which s could fetch everything again: it has
// every block that any node had at the beginning, since the private data of the last ones
// may be with s alone.
func (n *Network) healthyCopy(ctx context.Context, s spec) error {
	var top uint64
	for _, other := range n.nodes {
		if other.kind == KindChaincode {
			continue
		}
		if h, err := n.height(ctx, other); err == nil {
			top = max(top, h)
		}
	}
	for end := time.Now().Add(copyPatience); ; {
		behind := false
		for _, other := range ofOrg(n.nodes, KindPeer, s.org) {
			h, err := n.height(ctx, other)
			p := readPrivateLog(other)
			if other.name == s.name || err != nil || h == 0 || p.missing || p.stuck {
				continue
			}
			if h >= top {
				return nil
			}
			behind = true
		}
		if !behind || time.Now().After(end) || pause(ctx) != nil {
			return fmt.Errorf("%w: restore a backup (domicile network restore) or start another peer of %s first", ErrNoHealthyCopy, s.org)
		}
	}
}

// privateLog is what a peer's log says about private data. The peer offers it nowhere
// else. What is missing stays so over starts, until it was fetched or the peer forgot
// the channel: a peer that only started again is no copy to heal another one from.
type privateLog struct {
	missing bool // it committed blocks without private data it should have
	stuck   bool // and failed to fetch them since its last start
}

// forgotten is the line that [Network.Rejoin] leaves in the peer's log once the peer has
// nothing of the channel.
const forgotten = "domicile: the peer has forgotten the channel"

func (s spec) noteForgotten() error {
	f, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, forgotten)
	return errors.Join(err, f.Close())
}

// readPrivateLog reads the log for the words of Fabric's gossip/privdata
// (pvtdataprovider.go, reconcile.go).
func readPrivateLog(s spec) privateLog {
	var p privateLog
	f, err := os.Open(s.logFile())
	if err != nil {
		return p
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 64<<10), 1<<20)
	for sc.Scan() {
		p.read(sc.Text())
	}
	return p
}

func (p *privateLog) read(line string) {
	switch {
	case strings.Contains(line, "Starting peer:"):
		p.stuck = false
	case line == forgotten:
		*p = privateLog{}
	case strings.Contains(line, "Will commit block with missing private write sets"):
		p.missing = true
	case strings.Contains(line, "Failed to reconcile missing private info"),
		strings.Contains(line, "failed to reconcile pvtdata"):
		p.stuck = true
	case strings.Contains(line, "Reconciliation cycle finished successfully. reconciled"):
		*p = privateLog{}
	}
}

// privateData is the doctor's finding about a peer's private data.
func privateData(s spec) Finding {
	f := Finding{s.name, OK, CheckPrivateData, "no private data is known to be missing"}
	switch p := readPrivateLog(s); {
	case p.stuck:
		f.Severity = Error
		f.Message = "cannot fetch private data that it misses; are the other members' peers there? `network doctor --heal` lets it join again when another peer has everything"
	case p.missing:
		f.Severity = Warn
		f.Message = "committed blocks without private data and has not fetched it yet; until then reads of it fail with MISSING_DATA"
	}
	return f
}

// Limits of the check of transient stores: more bytes than a burst of puts leaves,
// and a time after which a channel counts as idle.
const (
	transientBytes = 64 << 20
	transientIdle  = time.Hour
)

// transient is the doctor's finding about what was endorsed and perhaps never
// ordered: it goes only when blocks come, and from the disk when it is compacted.
func transient(s spec, now time.Time) Finding {
	f := Finding{s.name, OK, CheckTransient, "the transient store is small"}
	size, last, err := usage(filepath.Join(s.dataDir(), "transientstore"))
	if err != nil {
		return Finding{s.name, Warn, CheckTransient, "the transient store cannot be looked at"}
	}
	switch {
	case size > transientBytes:
		f.Severity = Warn
		f.Message = fmt.Sprintf("%d MiB in the transient store: endorsed proposals that were never submitted? `purge scrub` removes what has ended", size>>20)
	case size > 0 && now.Sub(last) > transientIdle && now.Sub(lastBlock(s)) > transientIdle:
		f.Severity = Warn
		f.Message = fmt.Sprintf("no block for %s, so nothing is dropped from the transient store or swept; `purge serve` sends heartbeats", now.Sub(lastBlock(s)).Round(time.Minute))
	}
	return f
}

// lastBlock is when the peer last wrote a block.
func lastBlock(s spec) time.Time {
	_, last, err := usage(filepath.Join(s.dataDir(), "ledgersData", "chains", "chains"))
	if err != nil {
		return time.Time{}
	}
	return last
}

// usage is the size of a folder's files and the latest time one was written.
func usage(dir string) (size int64, last time.Time, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a table that was replaced meanwhile, or a store not made yet
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
			if info.ModTime().After(last) {
				last = info.ModTime()
			}
		}
		return err
	})
	return size, last, err
}
