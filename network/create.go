package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// create makes a network from nothing; on failure nothing is left of it.
func create(ctx context.Context, o Options) (_ *Network, err error) {
	if len(o.Topology.Regions) == 0 {
		o.Topology = DefaultTopology()
	}
	o.Topology.fillDefaults()
	if err := o.Topology.Validate(); err != nil {
		return nil, fmt.Errorf("topology: %w", err)
	}
	for _, name := range ownEntries {
		if _, err := os.Lstat(filepath.Join(o.Dir, name)); err == nil {
			return nil, fmt.Errorf("%s holds no network but a %q that is in the way; choose another directory", o.Dir, name)
		}
	}
	st := &state{Schema: stateSchema, Phase: phaseCreating, Created: time.Now().UTC(), Topology: o.Topology}
	if err := o.programs(st); err != nil {
		return nil, err
	}
	if err := o.checkDefinition(o.Topology); err != nil {
		return nil, err
	}
	instance, reservation, err := chooseInstance(o.Topology, o.Dir)
	if err != nil {
		return nil, err
	}
	defer reservation.Close()
	st.Instance = instance
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(o.Dir, st))
		}
	}()
	if err := st.write(o.Dir); err != nil {
		return nil, err
	}
	n := open(o.Dir, st)
	o.say("making certificates")
	if err := writePKI(o.Dir, st.Topology, n.nodes); err != nil {
		return nil, err
	}
	if err := n.bringUp(ctx, o, true); err != nil {
		return nil, err
	}
	return n, nil
}

// resume starts what does not run of an existing network.
func resume(ctx context.Context, o Options, st *state) (_ *Network, err error) {
	o.Topology.fillDefaults()
	if len(o.Topology.Regions) > 0 && !reflect.DeepEqual(o.Topology, st.Topology) {
		return nil, fmt.Errorf("the network in %s was built with another topology; take it down and remove the directory, or leave the topology out", o.Dir)
	}
	if err := o.programs(st); err != nil {
		return nil, err
	}
	n := open(o.Dir, st)
	was := map[string]bool{}
	for _, s := range n.nodes {
		_, was[s.name] = s.running()
	}
	if err := n.bringUp(ctx, o, false); err != nil {
		var g errgroup.Group
		for _, s := range n.nodes {
			if !was[s.name] {
				g.Go(func() error { return s.stop(context.WithoutCancel(ctx), syscall.SIGTERM) })
			}
		}
		return nil, errors.Join(err, g.Wait())
	}
	return n, nil
}
