package law

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/labeling"
	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/internal/cli"
	"domicile/internal/sample"
)

// clinic is a small network of its own, whose policy the test may change.
type clinic struct {
	t    *testing.T
	ctx  context.Context
	dir  string // of the network
	file string // the public policy; its private parts lie beside it
}

// bare is a folder for a network that is not up yet.
func bare(ctx context.Context, t *testing.T) *clinic {
	t.Helper()
	kit.NeedPrograms(t, binDir, *required)
	tmp, err := os.MkdirTemp("", "domicile-law-") // short: sockets and paths of peers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !*keep {
			os.RemoveAll(tmp)
		}
	})
	return &clinic{t, ctx, filepath.Join(tmp, "net"), filepath.Join(tmp, "policy.yaml")}
}

// up brings the network up and takes it down when the test is over.
func (c *clinic) up(topology string) {
	c.t.Helper()
	bin, err := filepath.Abs(binDir)
	if err != nil {
		c.t.Fatal(err)
	}
	c.downAfter()
	c.ok(nil, "network", "up", "--topology", topology, "--policy", c.file, "--bin", bin)
}

// newClinic brings the small network up without labelling rules.
func newClinic(ctx context.Context, t *testing.T) *clinic {
	t.Helper()
	c := bare(ctx, t)
	c.write(c.file, collections.SmallYAML())
	c.private("")
	c.up("small")
	return c
}

// downAfter takes the network down when the test is over.
func (c *clinic) downAfter() {
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		cli.Run(ctx, []string{"network", "down", "--dir", c.dir}, nil, os.Stderr, os.Stderr)
	})
}

// private writes the private parts, those of UsHospital with labelling rules.
func (c *clinic) private(rules string) {
	c.t.Helper()
	list := map[string]*collections.Private{}
	for _, r := range collections.Small().Regions {
		for _, log := range r.Logs("") {
			part := collections.DemoPrivate(log.Name)
			if log.Name == "us-a-log" {
				part.Labels.Rules = rules
			}
			list[log.Name] = part
		}
	}
	c.parts(list)
}

// run runs the command on the network, with nothing but arguments and input.
func (c *clinic) run(stdin []byte, args ...string) kit.Answer {
	return kit.Domicile(c.ctx, c.dir, stdin, args...)
}

func (c *clinic) ok(stdin []byte, args ...string) kit.Answer {
	c.t.Helper()
	a := c.run(stdin, args...)
	if a.Status != cli.ExitDone {
		c.t.Fatalf("domicile %s: status %d\n%s%s", strings.Join(args, " "), a.Status, a.Out, a.Words)
	}
	return a
}

func (c *clinic) refused(code record.Code, stdin []byte, args ...string) {
	c.t.Helper()
	if a := c.run(stdin, args...); a.Status != cli.ExitRefused || !strings.Contains(a.Out+a.Words, string(code)) {
		c.t.Fatalf("domicile %s: status %d, want %s\n%s%s", strings.Join(args, " "), a.Status, code, a.Out, a.Words)
	}
}

// has wants words in an answer.
func (c *clinic) has(a kit.Answer, words ...string) {
	c.t.Helper()
	for _, w := range words {
		if !strings.Contains(a.Out+a.Words, w) {
			c.t.Errorf("no %q in\n%s%s", w, a.Out, a.Words)
		}
	}
}

// labelled is one record with the labels that are stored.
func (c *clinic) labelled(id string) gateway.LabelReport {
	c.t.Helper()
	var r gateway.LabelReport
	a := c.ok(nil, "label", "explain", "--region", "us", "--json", id)
	if err := json.Unmarshal([]byte(a.Out), &r); err != nil {
		c.t.Fatal(err)
	}
	return r
}

// TestAHealthRecordsWholeLifeByTheCommandAlone puts people with conditions that
// labelling rules know through everything: labelled, explained, routed, held,
// released by another person, found due under a confirmed row, purged.
func TestAHealthRecordsWholeLifeByTheCommandAlone(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := newClinic(ctx, t)

	// Starting it again leaves private parts as they are.
	c.ok(nil, "network", "up")

	// Rules that come into force move what was put before them.
	early := c.ok([]byte(opioidOnly), "record", "put", "--region", "us", "--import", "early", "-")
	first := kit.Receipts(t, early)[0]
	if first.Collection != "us-a" {
		t.Fatalf("without rules the record lies in %s", first.Collection)
	}
	c.private(labeling.Shipped().SHA256())
	c.ok(nil, "policy", "apply", c.file)
	c.has(c.ok(nil, "label", "run", "--region", "us"), "1 to do: move", "Nothing was changed")
	c.has(c.ok(nil, "label", "run", "--region", "us", "--execute"), "1 done: move")
	again := kit.Receipts(t, c.ok([]byte(opioidOnly), "record", "put", "--region", "us", "--import", "early", "-"))[0]
	if !again.Already || again.Collection != "us-a2" || again.MovedFrom != first.ID {
		t.Errorf("the moved record: %+v", again)
	}
	c.has(c.ok(nil, "proof", "show", first.ID), "purged")

	var bundle bytes.Buffer
	if err := sample.WriteHealth(&bundle, sample.HealthOptions{Seed: 7}); err != nil {
		t.Fatal(err)
	}
	put := c.putAll(bundle.Bytes())
	c.routedAsLabelled(put)
	inputs := [][]gateway.Receipt{put}
	for code, data := range syntheaPatients(t) {
		theirs := c.putAll(data)
		i := slices.IndexFunc(theirs, func(r gateway.Receipt) bool { return r.Collection == "us-a2" })
		if i < 0 {
			t.Errorf("no record of the patient is labelled %s", code)
			continue
		}
		c.has(c.ok(nil, "label", "explain", "--region", "us", theirs[i].ID), code, "coding")
		inputs = append(inputs, theirs)
	}
	c.heldReleasedPurged(inputs)
}

const opioidOnly = `{"resourceType":"Condition","id":"early","subject":{"reference":"Patient/early"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"F11.20"}]},"onsetDateTime":"2024-01-01","abatementDateTime":"2025-06-01"}`

func (c *clinic) putAll(data []byte) []gateway.Receipt {
	c.t.Helper()
	list := kit.Receipts(c.t, c.ok(data, "record", "put", "--region", "us", "-"))
	for _, r := range list {
		if r.Collection == "" || r.Hash == "" {
			c.t.Errorf("a record was refused: %+v", r)
		}
	}
	return list
}

// routedAsLabelled looks at a sample of each collection and at all of us-a3.
func (c *clinic) routedAsLabelled(put []gateway.Receipt) {
	c.t.Helper()
	seen, codes := map[string]int{}, map[string]string{} // label -> collection
	for _, r := range put {
		if seen[r.Collection]++; seen[r.Collection] > 25 {
			continue
		}
		x := c.labelled(r.ID)
		if !x.Current || x.Route != r.Collection {
			c.t.Errorf("%s lies in %s, its labels ask for %s; current %t", r.ID, r.Collection, x.Route, x.Current)
		}
		for _, l := range x.Stored {
			if codes[l.Code] == "" || l.Code == "PSYTHPN" {
				codes[l.Code] = r.Collection
			}
		}
	}
	for code, want := range map[string]string{"OPIOIDUD": "us-a2", "ETHUD": "us-a2", "HIV": "us-a2", "MH": "us-a2", "42CFRPart2": "us-a2", "PSYTHPN": "us-a3"} {
		if codes[code] != want {
			c.t.Errorf("a record labelled %s lies in %q, want %s", code, codes[code], want)
		}
	}
}

// heldReleasedPurged holds a labelled record of each input, the generated Bundle and each
// of the patients, purges what is due, releases, and purges the rest.
func (c *clinic) heldReleasedPurged(inputs [][]gateway.Receipt) {
	c.t.Helper()
	var ids []string
	for n, put := range inputs {
		i := slices.IndexFunc(put, func(r gateway.Receipt) bool {
			return r.Collection == "us-a2" && slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "past its retention") })
		})
		if i < 0 {
			c.t.Fatalf("no labelled record of input %d is due", n)
		}
		ids = append(ids, put[i].ID)
	}
	order := append([]string{"--region", "us", "--matter", "case-1", "--authority", "court", "--reason", "pending"}, ids...)
	c.ok(nil, append([]string{"record", "hold"}, order...)...)
	list := c.ok(nil, "hold", "list", "--region", "us")
	for _, id := range ids {
		c.has(c.ok(nil, "retention", "explain", "--region", "us", id), "care", "DEMO, not law", "yes", "HELD")
		c.has(list, "case-1", id)
	}
	c.has(c.ok(nil, "hold", "report", "--region", "us"), "case-1,court,pending")
	c.heldOnArrival()
	c.has(c.ok(nil, "retention", "due", "--region", "us"), append(ids, "HELD", "due by confirmed rows", "never due")...)
	c.has(c.ok(nil, "purge", "run", "--region", "us", "--execute"), "left alone: HELD")
	c.refused(record.CodeSamePerson, nil, append([]string{"--as", "officer@UsHospital", "record", "release"}, order...)...)
	c.ok(nil, append([]string{"record", "release"}, order...)...)
	c.history(len(ids))
	c.has(c.ok(nil, "purge", "run", "--region", "us", "--execute"),
		fmt.Sprintf("%d records were purged", len(ids)), fmt.Sprintf("%d tombstones were published", len(ids)))
	for _, id := range ids {
		c.has(c.ok(nil, "proof", "show", id), "purged")
		c.refused(record.CodeGone, nil, "record", "get", "--region", "us", id)
	}
	c.has(c.ok(nil, "label", "plan", "--region", "us"), "every record has the labels")
}

// history wants both acts of the hold that has ended, by two persons.
func (c *clinic) history(records int) {
	c.t.Helper()
	report := []string{"--as", "auditor@UsHospital", "hold", "report", "--region", "us", "--history", "--matter", "case-1"}
	c.has(c.ok(nil, report...), "set", "released", "court", "pending")
	var list []struct {
		Acts []struct {
			Act, By string
			Records int
		}
	}
	if err := json.Unmarshal([]byte(c.ok(nil, append(report, "--json")...).Out), &list); err != nil || len(list) != 1 {
		c.t.Fatalf("%+v, %v", list, err)
	}
	acts := list[0].Acts
	if len(acts) != 2 || acts[0].Act != "set" || acts[1].Act != "released" || acts[0].By == acts[1].By || acts[0].Records != records {
		c.t.Errorf("%+v", acts)
	}
}

// heldOnArrival puts records of somebody under a hold, which the put does not read, and of
// somebody else.
func (c *clinic) heldOnArrival() {
	c.t.Helper()
	order := []string{"--region", "us", "--matter", "case-2", "--authority", "court", "--reason", "pending", "--subject", "-"}
	c.ok([]byte(`{"reference":"Patient/held"}`), append([]string{"record", "hold"}, order...)...)
	body := []byte(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/held"},"period":{"end":"` + farOff + `"}}`)
	for range 2 { // put, and there already
		if r := kit.Receipts(c.t, c.ok(body, "record", "put", "--region", "us", "-"))[0]; !r.Held {
			c.t.Errorf("of a person under a hold: %+v", r)
		}
	}
	if r := kit.Receipts(c.t, c.ok(bytes.ReplaceAll(body, []byte("held"), []byte("free")), "record", "put", "--region", "us", "-"))[0]; r.Held {
		c.t.Errorf("of a person under none: %+v", r)
	}
	c.ok([]byte(`{"reference":"Patient/held"}`), append([]string{"record", "release"}, order...)...)
}

// syntheaPatients are the opioid and depression patients of the shared test data, if
// it is there, by the label that they get.
func syntheaPatients(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	root := filepath.Join("..", "..", "..", "shared", "data", "fhir", "synthea")
	for code, name := range map[string]string{"OPIOIDUD": "Gilberto_Orosco", "MH": "Milan_Beatty"} {
		found, err := filepath.Glob(filepath.Join(root, name+"_*.json"))
		if err != nil || len(found) == 0 {
			t.Logf("SKIPPED: no patient with %s in %s", code, root)
			continue
		}
		b, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		out[code] = b
	}
	return out
}
