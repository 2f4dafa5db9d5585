package cli

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"domicile/erasure"
	"domicile/fhir"
	"domicile/network"
)

// snippet is how many bytes of a resource make one search pattern.
const snippet = 40

// Names of patterns are the index of the record and one of these.
const (
	ofValue    = "v" // only the stored value of this record has it, because of the salt
	ofResource = "r" // a copy of the resource has it, however it is stored
)

// patterns returns what to look for. The salt and the beginning of the stored value
// tell exactly where the record lies. The resource's id, or pieces of it, would also
// give away a copy without the salt, such as in a log; other records of the region
// may refer to the id, so that they count outside the region only.
func (d *demo) patterns() []erasure.Pattern {
	var out []erasure.Pattern
	for i, f := range d.followed {
		add := func(kind string, b []byte) {
			out = append(out, erasure.Pattern{Name: strconv.Itoa(i) + kind, Bytes: b})
		}
		add(ofValue, f.salt)
		add(ofValue, append(slices.Clone(f.salt), f.body[:min(snippet, len(f.body))]...))
		if r, err := fhir.Parse(f.body); err == nil && len(r.ID) >= 16 {
			add(ofResource, []byte(r.ID))
			continue
		}
		for _, at := range []int{len(f.body) / 3, len(f.body) * 2 / 3} {
			if piece := f.body[at:min(at+snippet, len(f.body))]; len(piece) == snippet && d.unique(piece, f) {
				add(ofResource, piece)
			}
		}
	}
	return out
}

// unique reports whether no other followed record contains the piece.
func (d *demo) unique(piece []byte, own *followed) bool {
	return !slices.ContainsFunc(d.followed, func(f *followed) bool { return f != own && bytes.Contains(f.body, piece) })
}

// node is a process of the network and its region.
type node struct{ name, region string }

// scan searches the disk of every node and returns, for each followed record, the
// nodes that hold bytes of it. Bytes outside the record's region are an error.
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
	return d.holders(report.Findings, owner)
}

// holders sorts findings by record and checks that all are in its region.
func (d *demo) holders(found []erasure.Finding, owner map[string]node) ([][]node, error) {
	out := make([][]node, len(d.followed))
	for _, f := range found {
		i, err := strconv.Atoi(strings.TrimRight(f.Pattern, ofValue+ofResource))
		if err != nil || i >= len(out) {
			return nil, fmt.Errorf("the search found an unknown pattern in %s", f.Path)
		}
		x, r := owner[f.Root], d.followed[i]
		if x.region != r.Region {
			return nil, refused{fmt.Sprintf("RESIDENCY BROKEN: bytes of %s of %s are on the disk of %s in %s", r.ID, r.Region, x.name, x.region), ""}
		}
		if strings.HasSuffix(f.Pattern, ofValue) && !slices.Contains(out[i], x) {
			out[i] = append(out[i], x)
		}
	}
	return out, nil
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
