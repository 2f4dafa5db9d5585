package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"domicile/erasure"
	"domicile/network"
)

// snippet is how many bytes of a resource make one search pattern.
const snippet = 40

// patterns returns what to look for: the beginning of the stored value, which the
// salt makes unique, and pieces of the resource. The name of a pattern is the index
// of the record.
func (d *demo) patterns() []erasure.Pattern {
	var out []erasure.Pattern
	for i, f := range d.followed {
		name := strconv.Itoa(i)
		value := append(slices.Clone(f.salt), f.body[:min(snippet, len(f.body))]...)
		out = append(out, erasure.Pattern{Name: name, Bytes: value}, erasure.Pattern{Name: name, Bytes: f.salt})
		for _, at := range []int{len(f.body) / 3, len(f.body) * 2 / 3} {
			if piece := f.body[at:min(at+snippet, len(f.body))]; len(piece) == snippet && d.unique(piece, i) {
				out = append(out, erasure.Pattern{Name: name, Bytes: piece})
			}
		}
	}
	return out
}

// unique reports whether no other followed record contains the piece.
func (d *demo) unique(piece []byte, own int) bool {
	return !slices.ContainsFunc(d.followed, func(f *followed) bool {
		return f != d.followed[own] && strings.Contains(string(f.body), string(piece))
	})
}

// node is a process of the network and its region.
type node struct{ name, region string }

// scan searches the disk of every node and returns, for each followed record, the
// nodes that hold bytes of it.
func (d *demo) scan(ctx context.Context) ([][]node, error) {
	nodes, err := d.n.Status(ctx)
	if err != nil {
		return nil, err
	}
	owner := map[string]node{}
	var roots []string
	for _, x := range nodes {
		for _, root := range diskOf(x) {
			if _, ok := owner[root]; !ok {
				owner[root] = node{x.Name, x.Region}
				roots = append(roots, root)
			}
		}
	}
	start := time.Now()
	report, err := erasure.Scan(ctx, erasure.Options{Roots: roots, Patterns: d.patterns()})
	if err != nil {
		return nil, err
	}
	d.say("  %d files, %s, %d nodes, %.1f s", report.Files, size(report.Bytes), len(nodes), time.Since(start).Seconds())
	for _, n := range report.NotCovered {
		d.say("  warning: not searched: %s", n)
	}
	d.evidence.NotCovered += len(report.NotCovered)
	out := make([][]node, len(d.followed))
	for _, f := range report.Findings {
		i, err := strconv.Atoi(f.Pattern)
		if err != nil {
			return nil, err
		}
		if x := owner[f.Root]; !slices.Contains(out[i], x) {
			out[i] = append(out[i], x)
		}
	}
	return out, d.checkLeaks(out)
}

// diskOf are the places where a node writes.
func diskOf(x network.Node) []string {
	var out []string
	if x.DataDir != "" {
		out = append(out, x.DataDir)
	}
	if x.LogFile != "" && (x.DataDir == "" || !strings.HasPrefix(x.LogFile, x.DataDir+string(filepath.Separator))) {
		out = append(out, x.LogFile)
	}
	return out
}

// checkLeaks is an error when bytes of a record are on a disk outside its region.
func (d *demo) checkLeaks(found [][]node) error {
	for i, f := range d.followed {
		for _, x := range found[i] {
			if x.region != f.Region {
				return refused{fmt.Sprintf("RESIDENCY BROKEN: bytes of %s of %s are on the disk of %s in %s", f.ID, f.Region, x.name, x.region), ""}
			}
		}
	}
	return nil
}

func (d *demo) scanBefore(ctx context.Context) error {
	found, err := d.scan(ctx)
	if err != nil {
		return err
	}
	for i, f := range d.followed {
		f.Before = names(found[i])
	}
	d.say("  all bytes found are on nodes of the record's own region")
	return nil
}

func (d *demo) scanAfter(ctx context.Context) error {
	found, err := d.scan(ctx)
	if err != nil {
		return err
	}
	for i, f := range d.followed {
		f.After = names(found[i])
	}
	return nil
}

func names(nodes []node) []string {
	out := []string{}
	for _, x := range nodes {
		out = append(out, x.name)
	}
	slices.Sort(out)
	return out
}
