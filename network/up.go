package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
)

// Deadlines of Up: for the whole of it when ctx has none, and for nodes that
// have been stopped to find their channel again.
const upDeadline = 3 * time.Minute

// Options say which network Up brings up.
type Options struct {
	// Dir is the network's directory; it is made if absent. Default ".domicile".
	Dir string
	// Topology of a new network; default DefaultTopology. For an existing
	// network it must be the zero value or the topology it was built with.
	Topology Topology
	// BinDir holds peer, orderer, configtxgen, ccaasbuilder and ccaas.
	// Default: the one recorded in the network, else the folder of the running
	// program.
	BinDir string
	// CollectionsConfig is Fabric's collections_config.json for the chaincode;
	// empty for none. Used when the chaincode is first deployed.
	CollectionsConfig []byte
	// EndorsementPolicy of the chaincode in Fabric's policy language. Default:
	// peers of any two regions (Topology.AnchorPolicy).
	EndorsementPolicy string
	// ChaincodeBinary is the chaincode server; default BinDir/ccaas.
	ChaincodeBinary string
	// BuilderBinary is the external builder; default BinDir/ccaasbuilder.
	BuilderBinary string
	// SkipChaincode leaves the network without chaincode servers and
	// definition; a later Up without it adds them.
	SkipChaincode bool
	// Progress, if set, is told in a few words what is being done. It is called
	// from one goroutine at a time.
	Progress func(string)
}

func (o Options) say(format string, a ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, a...))
	}
}

// Up brings the network in o.Dir up: it makes a new one, resumes a stopped
// one, starts what is missing of a half-stopped one and does nothing for one
// that runs. When making a new network fails, or ctx ends, no process and no
// file of it is left behind; when resuming fails, the processes it started are
// ended and the data stays.
//
// The processes are detached from the caller: they outlive it and are ended by
// Down.
func Up(ctx context.Context, o Options) (*Network, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, upDeadline)
		defer cancel()
	}
	if o.Dir == "" {
		o.Dir = ".domicile"
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	lock, err := lockDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	st, err := readState(dir)
	fresh := errors.Is(err, ErrNoNetwork)
	if err != nil && !fresh {
		lock.unlock()
		return nil, err
	}
	if !fresh && st.Phase != phaseReady {
		o.say("removing what an interrupted start left")
		if err := remove(dir, st); err != nil {
			lock.unlock()
			return nil, err
		}
		fresh = true
	}
	if !fresh {
		defer lock.unlock()
		return resume(ctx, o, st)
	}
	n, err := create(ctx, o)
	if err != nil {
		lock.discard()
		return nil, err
	}
	lock.unlock()
	return n, nil
}

// programs fills in where the programs are and checks that they exist.
func (o Options) programs(st *state) error {
	if o.BinDir != "" {
		st.BinDir = o.BinDir
	}
	if st.BinDir == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find Fabric's programs: %w", err)
		}
		st.BinDir = filepath.Dir(self)
	}
	set := func(field *string, option, fallback string) {
		if option != "" {
			*field = option
		} else if *field == "" || o.BinDir != "" {
			*field = filepath.Join(st.BinDir, fallback)
		}
	}
	set(&st.BuilderBinary, o.BuilderBinary, "ccaasbuilder")
	set(&st.ChaincodeBinary, o.ChaincodeBinary, "ccaas")
	needed := []*string{}
	for _, name := range []string{"peer", "orderer", "configtxgen"} {
		p := filepath.Join(st.BinDir, name)
		needed = append(needed, &p)
	}
	needed = append(needed, &st.BuilderBinary)
	if !o.SkipChaincode {
		needed = append(needed, &st.ChaincodeBinary)
	}
	for _, p := range needed {
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
		if info, err := os.Stat(abs); err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("the program %s is missing; build it with `make build`", abs)
		}
	}
	var err error
	st.BinDir, err = filepath.Abs(st.BinDir)
	return err
}

// wanted are the nodes that should run: not those whose backup is not purged again.
func (n *Network) wanted(o Options) []spec {
	all := n.nodes
	if o.SkipChaincode && !n.state.Deployed {
		all = append(ofKind(n.nodes, KindOrderer), ofKind(n.nodes, KindPeer)...)
	}
	var out []spec
	for _, s := range all {
		if s.quarantined() {
			o.say("%v", quarantineError(s))
			continue
		}
		out = append(out, s)
	}
	return out
}

// bringUp takes the network from whatever state it is in to running, step by
// step; each step does only what is missing.
func (n *Network) bringUp(ctx context.Context, o Options, fresh bool) error {
	missing, whole := n.missing(ctx, o)
	deploy := !o.SkipChaincode && !n.state.Deployed
	if whole && !deploy && !fresh {
		o.say("the network runs")
		return nil
	}
	if deploy {
		_, id, err := chaincodePackage(packageLabel)
		if err != nil {
			return err
		}
		n.state.PackageID = id
	}
	if err := firstBusy(missing); err != nil {
		return err
	}
	if err := installBuilder(n.dir, n.state.BuilderBinary); err != nil {
		return fmt.Errorf("install the external builder: %w", err)
	}
	if len(missing) > 0 {
		o.say("starting %d nodes", len(missing))
	}
	if err := n.startAll(missing); err != nil {
		return err
	}
	if err := n.join(ctx, o, fresh); err != nil {
		return err
	}
	switch {
	case deploy:
		if err := n.deploy(ctx, o); err != nil {
			return err
		}
		n.state.Deployed = true
	case n.state.Deployed:
		// A peer that lost its data has lost the package, too.
		if _, err := n.InstallChaincode(ctx); err != nil {
			return err
		}
	}
	if n.state.Deployed {
		o.say("waiting until the peers know each other")
		if err := n.WaitDiscovered(ctx); err != nil {
			return err
		}
	}
	n.state.Phase = phaseReady
	if err := n.state.write(n.dir); err != nil {
		return err
	}
	o.say("the network runs")
	return nil
}

// missing are the wanted nodes without a process; whole says that there are
// none and that all do their work.
func (n *Network) missing(ctx context.Context, o Options) (missing []spec, whole bool) {
	var broken atomic.Bool
	var g errgroup.Group
	for _, s := range n.wanted(o) {
		if _, ok := s.running(); !ok {
			missing = append(missing, s)
			continue
		}
		g.Go(func() error {
			if n.nodeStatus(ctx, s).State != StateRunning {
				broken.Store(true)
			}
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
	return missing, len(missing) == 0 && !broken.Load()
}

// join makes or reads the genesis block, while the programs load, and makes
// the nodes join.
func (n *Network) join(ctx context.Context, o Options, fresh bool) error {
	var genesis *common.Block
	var err error
	if fresh {
		genesis, err = makeGenesis(ctx, n.dir, n.state.BinDir, n.state.Topology, n.nodes)
	} else {
		genesis, err = readGenesis(n.dir)
	}
	if err != nil {
		return err
	}
	o.say("joining the channel")
	return n.joinAll(ctx, n.wanted(o), genesis)
}

func (n *Network) launch() launch {
	return launch{
		dir: n.dir, binDir: n.state.BinDir, nodes: n.nodes,
		chaincodeBinary: n.state.ChaincodeBinary, packageID: n.state.PackageID,
	}
}

func (n *Network) startAll(nodes []spec) error {
	l := n.launch()
	var g errgroup.Group
	for _, s := range nodes {
		g.Go(func() error {
			if s.quarantined() {
				return quarantineError(s)
			}
			c, err := l.prepare(s)
			if err != nil {
				return fmt.Errorf("prepare %s: %w", s.name, err)
			}
			_, err = s.start(c)
			return err
		})
	}
	return g.Wait()
}

func readGenesis(dir string) (*common.Block, error) {
	b, err := os.ReadFile(genesisPath(dir))
	if err != nil {
		return nil, fmt.Errorf("read the genesis block: %w", err)
	}
	block := new(common.Block)
	if err := proto.Unmarshal(b, block); err != nil {
		return nil, fmt.Errorf("decode the genesis block: %w", err)
	}
	return block, nil
}

// joinAll waits for every orderer and peer and makes those join the channel
// that have not; chaincode servers must answer.
func (n *Network) joinAll(ctx context.Context, nodes []spec, genesis *common.Block) error {
	raw, err := proto.Marshal(genesis)
	if err != nil {
		return fmt.Errorf("encode the genesis block: %w", err)
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range nodes {
		g.Go(func() error {
			return until(ctx, func() error {
				if _, ok := s.running(); !ok {
					return &finalError{fmt.Errorf("%s ended at once; the last line of %s: %s", s.name, s.logFile(), s.logTail())}
				}
				switch s.kind {
				case KindOrderer:
					return n.joinOrderer(ctx, s, raw)
				case KindPeer:
					return n.joinPeer(ctx, s, genesis)
				}
				return n.chaincodeServes(ctx, s)
			})
		})
	}
	return g.Wait()
}

// joinPeer makes the peer join the channel, unless it has.
func (n *Network) joinPeer(ctx context.Context, s spec, genesis *common.Block) error {
	if err := answers(ctx, s.address()); err != nil {
		return err
	}
	id, err := n.signer(s.org, RoleAdmin)
	if err != nil {
		return err
	}
	conn, err := dial(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close()
	channels, err := channel.ListChannelOnPeer(ctx, conn, id)
	if err != nil {
		return fmt.Errorf("%s: list channels: %w", s.name, err)
	}
	for _, c := range channels {
		if c.GetChannelId() == Channel {
			return nil
		}
	}
	if n.state.Phase == phaseReady && ledgerBroken(s) {
		return &finalError{fmt.Errorf("%s cannot load its ledger (see %s); run doctor for the way out", s.name, s.logFile())}
	}
	if err := channel.JoinChannel(ctx, conn, id, genesis); err != nil {
		return fmt.Errorf("%s: join: %w", s.name, err)
	}
	return nil
}
