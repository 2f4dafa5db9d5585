package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
	"domicile/gateway"
)

// putOut writes an attestation where the flags say, and returns its file's bytes, nil
// when there is none.
func (a *app) putOut(o attestFlags, signed *certificate.Attestation, several bool) ([]byte, error) {
	if a.json {
		if err := a.printLine(signed); err != nil {
			return nil, err
		}
	} else {
		a.tableOf(signed)
	}
	if o.out == "" {
		return nil, nil
	}
	path := o.out
	if several {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return nil, err
		}
		path = filepath.Join(o.out, signed.Statement.Org+".json")
	}
	b, err := signed.Encode()
	if err != nil {
		return nil, err
	}
	return b, os.WriteFile(path, b, 0o644)
}

func (a *app) tableOf(signed *certificate.Attestation) {
	t := newTable(a.out, "Node", "Store", "Opened as", "Files", "Bytes", "Found in", "Hits by form")
	for _, n := range signed.Statement.Nodes {
		for _, s := range n.Stores {
			var forms []string
			for _, f := range slices.Sorted(maps.Keys(s.Forms)) {
				forms = append(forms, fmt.Sprintf("%s %d", f, s.Forms[f]))
			}
			t.AppendRow([]any{n.Name, s.Name, s.Method, s.Files, size(s.Bytes), s.Found, strings.Join(forms, ", ")})
		}
	}
	t.Render()
}

// sayAttested tells in words what a statement says, and what it does not.
func (a *app) sayAttested(signed *certificate.Attestation, about tally) {
	s := &signed.Statement
	gaps := 0
	for _, n := range s.Nodes {
		scrubbed := ""
		if n.ScrubbedAt != "" {
			scrubbed = ", compacted at " + n.ScrubbedAt
		}
		if n.Height > 0 {
			a.say("%s: at height %d%s", n.Name, n.Height, scrubbed)
		}
		for _, st := range n.Stores {
			for _, g := range st.NotCovered {
				gaps++
				a.say("warning: not searched: %s, %s: %s", n.Name, st.Name, g)
			}
		}
	}
	if len(s.Missing) > 0 {
		a.say("warning: nodes not searched: %s", strings.Join(s.Missing, ", "))
	}
	a.say("%s: %s looked for on %d nodes, found in %d places; %d parts could not be searched; signed at %s",
		s.Org, about, len(s.Nodes), s.Found(), gaps, s.StatedAt)
	a.say("No search covers: %s.", strings.Join(s.NotCovered, "; "))
}

// attestReport joins attestations, and with --settle ends evidence.
func (a *app) attestReport(ctx context.Context, o attestFlags) error {
	client, err := a.connect(ctx, where{o.region, o.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer client.Close()
	genesis, err := a.genesisFor(ctx, o, o.org)
	if err != nil {
		return err
	}
	var list []attest.Signed
	for _, path := range o.reports {
		b, err := os.ReadFile(path)
		if err != nil {
			return openError(err)
		}
		signed, err := attest.Read(b, genesis)
		if err != nil {
			return refused{fmt.Sprintf("%s: %v", path, err), "only attestations that verify are joined"}
		}
		list = append(list, signed)
	}
	expected, pending, err := a.expected(ctx, o, client, list)
	if err != nil {
		return err
	}
	report, settled := attest.Join(expected, list)
	if err := a.printJSON(report); err != nil {
		return err
	}
	a.sayReport(report)
	if o.settle {
		if err := a.settle(ctx, client, pending, settled, expected.Canaries); err != nil {
			return err
		}
	}
	if !report.Complete {
		return refused{"the region's erasure is not attested by everybody yet", "lacking, in the report, says who owes what"}
	}
	return nil
}

func (a *app) sayReport(r *attest.Report) {
	for _, c := range r.Collections {
		canaries := ""
		if c.Canaries > 0 {
			canaries = fmt.Sprintf(", and %d of %d canaries", c.CanariesClean, c.Canaries)
		}
		a.say("%s: %d of %d purged records%s attested clean by all of %s", c.Collection, c.Clean, c.Records, canaries, strings.Join(c.Members, ", "))
		for _, l := range c.Lacking {
			about := ""
			if len(l.Nodes) > 0 {
				about = " (" + strings.Join(l.Nodes, ", ") + ")"
			}
			a.say("  %s %s: %s%s", l.Org, l.Why, tally{l.Records, l.Canaries}, about)
		}
	}
}

// expected is who has to attest, by the policy on the ledger, and the evidence that
// the client's own organisation can see.
func (a *app) expected(ctx context.Context, o attestFlags, client *gateway.Client, list []attest.Signed) (attest.Expected, []gateway.Evidence, error) {
	x := attest.Expected{
		Region: o.region, Members: map[string][]string{}, Peers: map[string][]string{},
		Registered: map[record.Ref]map[string]string{}, Unreadable: map[record.Ref]bool{},
	}
	policy, err := client.Policy(ctx)
	if err != nil {
		return x, nil, err
	}
	region, ok := policy.Region(o.region)
	if !ok {
		return x, nil, usagef("the policy on the ledger has no region %q", o.region)
	}
	for i := range region.Collections {
		if c := &region.Collections[i]; !c.IsLog() {
			x.Members[c.Name] = c.Members
		}
	}
	for _, h := range client.Heights(ctx) {
		x.Peers[h.Org] = append(x.Peers[h.Org], h.Peer)
	}
	pending, err := a.pending(ctx, client)
	if err != nil {
		return x, nil, err
	}
	for _, e := range pending {
		x.Pending = append(x.Pending, e.Ref)
		x.Unreadable[e.Ref] = e.Prints == nil
		x.Registered[e.Ref] = map[string]string{}
		for _, r := range e.Attested {
			x.Registered[e.Ref][r.Org] = r.SHA256
		}
	}
	var others []record.Ref
	seen := map[record.Ref]bool{}
	for _, s := range list {
		for _, ref := range s.Statement.Records {
			// A canary of another region is in no collection of this one.
			if x.Members[ref.Collection] != nil && !seen[ref] {
				seen[ref], others = true, append(others, ref)
			}
		}
	}
	if x.Purged, err = client.PurgeBlocks(ctx, pending, others); err != nil {
		return x, nil, err
	}
	x.Canaries, err = a.canariesOf(ctx, client, slices.Concat(x.Pending, others))
	return x, pending, err
}

// canariesOf are those of purged records that were about nobody, as far as the client's
// organisation holds them.
func (a *app) canariesOf(ctx context.Context, client *gateway.Client, refs []record.Ref) (map[record.Ref]bool, error) {
	names, err := client.Collections(ctx)
	if err != nil {
		return nil, err
	}
	out := map[record.Ref]bool{}
	for _, name := range names {
		var ids []string
		for _, r := range refs {
			if r.Collection == name {
				ids = append(ids, r.ID)
			}
		}
		slices.Sort(ids)
		ids = slices.Compact(ids) // pending ones are in attestations, too
		states, err := client.Inspect(ctx, name, ids)
		if errors.Is(err, gateway.ErrForbidden) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			if s.Ground == string(record.GroundCanary) {
				out[record.Ref{Collection: name, ID: s.ID}] = true
			}
		}
	}
	return out, nil
}

// tally counts records, and canaries apart from them.
type tally struct{ records, canaries int }

func (n *tally) add(canary bool) {
	if canary {
		n.canaries++
	} else {
		n.records++
	}
}

func (n tally) String() string {
	s := fmt.Sprintf("%d records", n.records)
	switch {
	case n.canaries > 0 && n.records == 0:
		return fmt.Sprintf("%d canaries", n.canaries)
	case n.canaries > 0:
		s += fmt.Sprintf(" and %d canaries", n.canaries)
	}
	return s
}

// settle purges the evidence of records that every holder attested clean.
func (a *app) settle(ctx context.Context, client *gateway.Client, pending []gateway.Evidence, settled, canaries map[record.Ref]bool) error {
	keys := map[string][]string{}
	var done tally
	for _, e := range pending {
		if settled[e.Ref] {
			done.add(canaries[e.Ref])
			keys[e.Collection] = append(keys[e.Collection], e.Key)
		}
	}
	for _, collection := range slices.Sorted(maps.Keys(keys)) {
		for chunk := range slices.Chunk(keys[collection], record.MaxRecords) {
			if _, err := client.EndEvidence(ctx, collection, chunk); err != nil {
				return err
			}
		}
	}
	a.say("the evidence of %s was purged; their attestations are named in the log", done)
	return nil
}

// canaryFile is what one region publishes for the others.
type canaryFile struct {
	Version  int         `json:"version"`
	Kind     string      `json:"kind"`
	Region   string      `json:"region"`
	Canaries []canaryOut `json:"canaries"`
}

type canaryOut struct {
	record.Ref
	record.CanaryBytes
}

const canaryKind = "domicile canaries"

// publishCanaries writes salt and bytes of the records about nobody that were purged
// and not yet settled.
func (a *app) publishCanaries(ctx context.Context, o attestFlags) error {
	client, err := a.connect(ctx, where{o.region, o.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer client.Close()
	pending, err := a.pending(ctx, client)
	if err != nil {
		return err
	}
	out := canaryFile{Version: 1, Kind: canaryKind, Region: o.region, Canaries: []canaryOut{}}
	for _, e := range pending {
		if e.Canary != nil {
			out.Canaries = append(out.Canaries, canaryOut{e.Ref, *e.Canary})
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	a.say("%d canaries", len(out.Canaries))
	return os.WriteFile(o.publish, append(b, '\n'), 0o644)
}

// addCanaries reads what another region published.
func addCanaries(w *attest.Wanted, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return openError(err)
	}
	var in canaryFile
	if err := json.Unmarshal(b, &in); err != nil || in.Version != 1 || in.Kind != canaryKind {
		return usagef("%s is no file of canaries of a version known here", path)
	}
	for _, c := range in.Canaries {
		if len(c.Salt) != record.SaltLen || len(c.Body) < 64 || record.CheckID(c.ID) != nil {
			return usagef("%s holds a canary that is none", path)
		}
		w.AddCanary(c.Ref, c.CanaryBytes)
	}
	return nil
}
