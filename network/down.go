package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"domicile/erasure"
)

// Down ends all processes of the network, in parallel, and waits until they
// are gone: SIGTERM first, SIGKILL for those that take longer than 15 seconds
// or when ctx ends. The data stays; Up resumes it.
func (n *Network) Down(ctx context.Context) error {
	lock, err := lockDir(ctx, n.dir)
	if err != nil {
		return err
	}
	defer lock.unlock()
	return n.stopAll(ctx, n.nodes, syscall.SIGTERM)
}

func (n *Network) stopAll(ctx context.Context, nodes []spec, sig syscall.Signal) error {
	errs := make([]error, len(nodes))
	var g errgroup.Group
	for i, s := range nodes {
		g.Go(func() error {
			errs[i] = s.stop(ctx, sig)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs: one failure must not hide another
	return errors.Join(errs...)
}

// remove ends the processes of an unfinished network and deletes its files.
func remove(dir string, st *state) error {
	n := open(dir, st)
	if err := n.stopAll(context.Background(), n.nodes, syscall.SIGKILL); err != nil {
		return err
	}
	for _, name := range append([]string{"network.json.tmp"}, ownEntries...) {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove an unfinished network: %w", err)
		}
	}
	return nil
}

// Discard ends the processes and deletes the files that an Up left in dir whose
// program was killed while it made a new network, and reports whether there were
// any. It leaves a whole network alone: that one is for Open and Down.
func Discard(ctx context.Context, dir string) (found bool, err error) {
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	unfinished := func() (*state, error) {
		st, err := readState(dir)
		if errors.Is(err, ErrNoNetwork) || err == nil && st.Phase == phaseReady {
			return nil, nil
		}
		return st, err
	}
	if st, err := unfinished(); st == nil || err != nil {
		return false, err
	}
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return false, err
	}
	defer lock.unlock()
	st, err := unfinished() // once more: an Up may have held the lock
	if st == nil || err != nil {
		return false, err
	}
	return true, remove(dir, st)
}

// Destroy takes the network down and deletes it with all its data, keys and
// logs. Other files in the directory stay; the directory goes if it is empty.
func (n *Network) Destroy(ctx context.Context) error {
	if err := n.Down(ctx); err != nil {
		return err
	}
	lock, err := lockDir(ctx, n.dir)
	if err != nil {
		return err
	}
	lock.created = []string{n.dir}
	defer lock.discard()
	return remove(n.dir, n.state)
}

// Kill ends a node at once with SIGKILL, as a crash would, and waits until it
// is gone. A node that does not run is no error.
func (n *Network) Kill(ctx context.Context, node string) error {
	return n.stopNode(ctx, node, syscall.SIGKILL)
}

// StopNode ends a node with SIGTERM and waits until it is gone.
func (n *Network) StopNode(ctx context.Context, node string) error {
	return n.stopNode(ctx, node, syscall.SIGTERM)
}

func (n *Network) stopNode(ctx context.Context, node string, sig syscall.Signal) error {
	s, err := n.node(node)
	if err != nil {
		return err
	}
	return s.stop(ctx, sig)
}

// Freeze stops a node's execution with SIGSTOP: to the others it looks like a
// node behind a broken link. Thaw lets it go on.
func (n *Network) Freeze(node string) error { return n.signalNode(node, syscall.SIGSTOP) }

// Thaw continues a frozen node.
func (n *Network) Thaw(node string) error { return n.signalNode(node, syscall.SIGCONT) }

func (n *Network) signalNode(node string, sig syscall.Signal) error {
	s, err := n.node(node)
	if err != nil {
		return err
	}
	p, ok := s.running()
	if !ok {
		return fmt.Errorf("%s does not run", node)
	}
	return p.signal(sig)
}

// StartNode starts one node again, on its data and addresses, and waits until
// it serves: an orderer and a peer with the channel, a chaincode server with
// its health check. It does nothing for a node that runs.
func (n *Network) StartNode(ctx context.Context, node string) error {
	s, err := n.node(node)
	if err != nil {
		return err
	}
	return n.startNodes(ctx, s)
}

// startNodes starts nodes at once and waits until all of them serve.
func (n *Network) startNodes(ctx context.Context, nodes ...spec) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Minute)
		defer cancel()
	}
	lock, err := lockDir(ctx, n.dir)
	if err != nil {
		return err
	}
	defer lock.unlock()
	var ended []spec
	for _, s := range nodes {
		if _, ok := s.running(); !ok {
			ended = append(ended, s)
		}
	}
	if err := firstBusy(ended); err != nil {
		return err
	}
	if err := n.startAll(ended); err != nil {
		return err
	}
	var g errgroup.Group
	for _, s := range nodes {
		g.Go(func() error { return until(ctx, func() error { return n.servesOrEnded(ctx, s) }) })
	}
	return g.Wait()
}

// servesOrEnded is a final error once a node will not serve any more.
func (n *Network) servesOrEnded(ctx context.Context, s spec) error {
	if _, ok := s.running(); !ok {
		return &finalError{fmt.Errorf("%s ended at once; the last line of %s: %s", s.name, s.logFile(), s.logTail())}
	}
	err := n.serves(ctx, s)
	if errors.Is(err, errNoChannel) && ledgerBroken(s) {
		return &finalError{fmt.Errorf("%s cannot load its ledger (see %s); `network doctor --heal` knows the way out: %w", s.name, s.logFile(), err)}
	}
	return err
}

// Restart stops a node and starts it again.
func (n *Network) Restart(ctx context.Context, node string) error {
	if err := n.StopNode(ctx, node); err != nil {
		return err
	}
	return n.StartNode(ctx, node)
}

// Rejoin heals a peer that cannot load its ledger any more: it stops the peer,
// lets it forget the channel (`peer node unjoin`), starts it and joins again.
// The peer then fetches all blocks from the orderers and private data from the
// other members' peers, of which at least one must run; what was purged does
// not come back, and its bytes are removed from the peer's files before it starts.
// Rebuilding the peer's databases instead fails for ever once anything was purged
// (Fabric, core/ledger/kvledger/txmgmt/validation).
func (n *Network) Rejoin(ctx context.Context, peer string) error {
	s, err := n.node(peer)
	if err != nil {
		return err
	}
	if s.kind != KindPeer {
		return fmt.Errorf("%s is not a peer", peer)
	}
	genesis, err := readGenesis(n.dir)
	if err != nil {
		return err
	}
	lock, err := lockDir(ctx, n.dir)
	if err != nil {
		return err
	}
	defer lock.unlock()
	if err := s.stop(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	c, err := n.launch().prepare(s)
	if err != nil {
		return fmt.Errorf("prepare %s: %w", peer, err)
	}
	if err := forgetChannel(ctx, c, s); err != nil {
		return err
	}
	// Forgetting only deletes keys: the bytes of what was purged would stay in the tables.
	if err := erasure.CompactPeer(ctx, s.dataDir()); err != nil {
		return fmt.Errorf("%s has forgotten the channel: %w", peer, err)
	}
	if err := firstBusy([]spec{s}); err != nil {
		return err
	}
	if err := n.startAll([]spec{s}); err != nil {
		return err
	}
	return n.joinAll(ctx, []spec{s}, genesis)
}

// forgetChannel lets a stopped peer forget the channel. One that knows no such channel
// has: somebody began this before, or the peer lost its disk.
func forgetChannel(ctx context.Context, c command, s spec) error {
	cmd := exec.CommandContext(ctx, c.path, "node", "unjoin", "-c", Channel)
	cmd.Env, cmd.Dir = c.env, s.dir
	out, err := cmd.CombinedOutput()
	if err == nil || bytes.Contains(out, []byte("ledger ["+Channel+"] does not exist")) {
		return nil
	}
	why := lastLine(out)
	if _, text, ok := bytes.Cut(out, []byte("Error: ")); ok { // the usage of the command follows
		line, _, _ := bytes.Cut(text, []byte("\n"))
		why = string(line)
	}
	return fmt.Errorf("%s: peer node unjoin: %w: %s", s.name, err, why)
}
