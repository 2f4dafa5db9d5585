package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/gateway"
)

// hookScrubbing is the work of an operator who has no local network.
func (a *app) hookScrubbing(ctx context.Context, o scrubFlags) ([]scrubbing, func(), error) {
	if o.org == "" || o.state == "" || len(o.peers) == 0 {
		return nil, nil, usage{errors.New("--hook needs --org, --state and --peer"), "name the organisation, a file for the progress, and each peer as NAME=DIR"}
	}
	h := &hook{program: o.hook, org: o.org}
	here, away := 0, 0
	for _, p := range o.peers {
		name, dir, local := strings.Cut(p, "=")
		if name == "" || local && dir == "" {
			return nil, nil, usagef("--peer %s is neither NAME=DIR nor NAME", p)
		}
		if !local {
			h.peers, away = append(h.peers, erasure.ScrubPeer{Name: name}), away+1
			continue
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, nil, usagef("--peer %s: %s is no directory", name, dir)
		}
		h.peers, here = append(h.peers, erasure.ScrubPeer{Name: name, DataDir: filepath.Clean(dir)}), here+1
	}
	if here == 0 {
		return nil, nil, usagef("no --peer NAME=DIR: which peers are on this machine?")
	}
	if away > 0 {
		a.say("warning: no lock reaches other machines: see that nobody scrubs peers of %s there at the same time", o.org)
	}
	job, done := scrubbing{org: o.org, op: h, state: o.state}, func() {}
	if a.settings != "" {
		client, err := a.connect(ctx, where{o.region, o.org, record.RolePurger})
		if err != nil {
			return nil, nil, err
		}
		s, err := gateway.LoadSettings(a.settings)
		if err != nil {
			client.Close()
			return nil, nil, err
		}
		h.client, job.channel, done = client, s.Channel, func() { client.Close() }
		job.heartbeat = func(ctx context.Context) error {
			_, err := client.Heartbeat(ctx)
			return err
		}
	}
	return []scrubbing{job}, done, nil
}

// hook drives peers with a program of the operator's: systemctl, kubectl, whatever
// runs them.
type hook struct {
	program, org string
	peers        []erasure.ScrubPeer
	client       *gateway.Client // of the settings, or nil
}

func (h *hook) Peers(context.Context) ([]erasure.ScrubPeer, error) { return h.peers, nil }

// Standing implements [erasure.Operator]. Peers that the settings name are asked
// themselves, the others through the hook.
func (h *hook) Standing(ctx context.Context) (erasure.Standing, error) {
	out := erasure.Standing{Peers: map[string]uint64{}, Unwell: map[string]error{}}
	asked := map[string]bool{}
	note := func(peer string, height uint64, err error) {
		if err != nil {
			out.Unwell[peer] = err
			return
		}
		out.Peers[peer], out.Channel = height, max(out.Channel, height)
	}
	if h.client != nil {
		asking, cancel := context.WithTimeout(ctx, heightTime)
		defer cancel()
		for _, x := range h.client.Heights(asking) {
			if x.Org != h.org {
				out.Channel = max(out.Channel, x.Height)
				continue
			}
			asked[x.Peer] = true
			note(x.Peer, x.Height, x.Err)
		}
	}
	for _, p := range h.peers {
		if !asked[p.Name] {
			height, err := h.height(ctx, p.Name)
			note(p.Name, height, err)
		}
	}
	return out, ctx.Err()
}

func (h *hook) height(ctx context.Context, peer string) (uint64, error) {
	out, err := h.run(ctx, "height", peer)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(out)), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s height %s printed no block height", h.program, peer)
	}
	return n, nil
}

func (h *hook) Stop(ctx context.Context, peer string) error {
	_, err := h.run(ctx, "stop", peer)
	return err
}

func (h *hook) Start(ctx context.Context, peer string) error {
	_, err := h.run(ctx, "start", peer)
	return err
}

// hookOutput is how long the output of a hook that has ended is waited for.
const hookOutput = time.Second

func (h *hook) run(ctx context.Context, verb, peer string) ([]byte, error) {
	var out, words bytes.Buffer
	c := exec.CommandContext(ctx, h.program, verb, peer)
	c.Stdout, c.Stderr = &out, &words
	// What it started in the background, such as the peer, may keep its output open.
	c.WaitDelay = hookOutput
	if err := c.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return nil, fmt.Errorf("%s %s %s: %w: %s", h.program, verb, peer, err, strings.TrimSpace(words.String()))
	}
	return out.Bytes(), nil
}
