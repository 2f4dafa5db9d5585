package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"domicile/internal/cli"
)

// Sizes of what lies in the stores when a purge is taken to its end.
const (
	fillRecords = 1000
	fillBytes   = 64 << 10
	dueRecords  = 100
)

// toAttested takes due records of a holder with two peers from the beginning of the
// purge to a signed attestation that found nothing.
func (b *bench) toAttested(ctx context.Context, s *Section) error {
	holder, err := b.twoPeers()
	if err != nil {
		return err
	}
	if err := b.fill(ctx, holder, b.many(fillRecords), fillBytes, "2026"); err != nil {
		return err
	}
	rounds := min(b.rounds, 3)
	var all, purge, scrub, attest []float64
	for range rounds {
		if err := b.fill(ctx, holder, b.many(dueRecords), 2000, "1990"); err != nil {
			return err
		}
		start := time.Now()
		var took []float64
		for _, args := range [][]string{{"run", "--execute"}, {"scrub", "--execute"}, {"attest"}} {
			began := time.Now()
			if err := b.command(ctx, nil, append([]string{"purge", args[0], "--region", region, "--org", holder}, args[1:]...)...); err != nil {
				return err
			}
			took = append(took, time.Since(began).Seconds())
		}
		all = append(all, time.Since(start).Seconds())
		purge, scrub, attest = append(purge, took[0]), append(scrub, took[1]), append(attest, took[2])
	}
	s.add(series("purge to attested, two peers", "s", all), series("of it purge and tombstones", "s", purge),
		series("of it scrub, peer after peer", "s", scrub), series("of it search and signature", "s", attest))
	return nil
}

// twoPeers is an organisation of the region with two peers.
func (b *bench) twoPeers() (string, error) {
	for _, r := range b.n.Topology().Regions {
		for _, o := range r.Organizations {
			if r.Name == region && o.Peers == 2 {
				return o.Name, nil
			}
		}
	}
	return "", fmt.Errorf("no organisation of %s has two peers", region)
}

// fill puts records of a size whose care ended in a year.
func (b *bench) fill(ctx context.Context, holder string, count, bytesEach int, year string) error {
	var in bytes.Buffer
	for range count {
		fmt.Fprintf(&in, `{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"end":"%s-06-15"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">%x</div>"}}`+"\n", year, random(bytesEach/2))
	}
	return b.command(ctx, &in, "record", "put", "--region", region, "--org", holder, "-")
}

// command runs the program's own command on the network.
func (s *site) command(ctx context.Context, in io.Reader, args ...string) error {
	var words bytes.Buffer
	if in == nil {
		in = bytes.NewReader(nil)
	}
	if code := cli.Run(ctx, append([]string{"--dir", s.n.Dir()}, args...), in, io.Discard, &words); code != cli.ExitDone {
		return fmt.Errorf("domicile %s %s ended with status %d:\n%s", args[0], args[1], code, words.String())
	}
	return nil
}
