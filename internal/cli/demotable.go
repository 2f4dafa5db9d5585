package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"domicile/chaincode/record"
	"domicile/purge"
)

// evidence is what the demonstration found.
type evidence struct {
	Put         int            `json:"put"` // records of the Bundle
	Followed    []*followed    `json:"followed"`
	Anchors     []regionCount  `json:"anchors"` // anchors that carry the right hash, as each region sees it
	Purges      []regionPurge  `json:"purges"`
	Authorities map[string]int `json:"authorities,omitempty"` // purged records by authority
	NotCovered  int            `json:"notCovered"`            // places the search could not read
	Demo        bool           `json:"demo"`
	Refused     int            `json:"refused,omitempty"` // records of the input that were not taken
	UpSeconds   float64        `json:"upSeconds"`
	Steps       []stepTime     `json:"steps"`
	Seconds     float64        `json:"seconds"`
	// Erased is what became of one holder's disks; nil when nothing was purged there.
	Erased *erased `json:"erased,omitempty"`
}

type regionCount struct {
	Region  string `json:"region"`
	Records int    `json:"records"`
}

type stepTime struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

type regionPurge struct {
	Region string        `json:"region"`
	Result *purge.Result `json:"result"`
}

func (e *evidence) authority(text string) {
	if e.Authorities == nil {
		e.Authorities = map[string]int{}
	}
	e.Authorities[text]++
}

// show prints the evidence, and is an error when it shows less than it should.
func (d *demo) show() error {
	d.evidence.Followed = d.followed
	d.evidence.Seconds = time.Since(d.started).Seconds()
	if d.json {
		if err := d.printJSON(d.evidence); err != nil {
			return err
		}
	} else {
		d.table()
	}
	return d.verdictOfDemo()
}

func (d *demo) table() {
	t := newTable(d.out, "Record", "Region", "Collection", "Labels", "State", "Bytes held by", "Verified from", "Purged", "Bytes on disk now")
	for _, f := range d.followed {
		state := f.State
		switch {
		case f.Held:
			state += ", held"
		case f.State == record.StatePurged:
			state += ", tombstone"
		}
		t.AppendRow([]any{
			f.ID, f.Region, f.Collection, f.Labels, state, nodeList(f.Before), strings.Join(f.VerifiedFrom, " "), f.PurgedAt, nodeList(f.After),
		})
	}
	purged, tombstones := 0, 0
	for _, p := range d.evidence.Purges {
		purged += p.Result.Purged
		tombstones += p.Result.Tombstoned
	}
	anchors := []string{}
	for _, c := range d.evidence.Anchors {
		anchors = append(anchors, fmt.Sprintf("%s: %d", c.Region, c.Records))
	}
	others := len(d.regions) - 1
	t.AppendFooter([]any{
		fmt.Sprintf("all %d", d.evidence.Put+others), d.home, d.evidence.Put, "", fmt.Sprintf("%d tombstones", tombstones),
		"", strings.Join(anchors, "\n"), fmt.Sprintf("%d purged", purged), "",
	})
	t.Render()
	d.notes()
}

// notes says in words what the table means and what it does not.
func (d *demo) notes() {
	remain := 0
	for _, f := range d.followed {
		if f.State == record.StatePurged && len(f.After) > 0 {
			remain++
		}
	}
	fmt.Fprintln(d.out, "Bytes held by, bytes on disk now: nodes on whose disks bytes of the record were found, before and after the purge.")
	fmt.Fprintln(d.out, "None were found on nodes of another region or on orderers, and no reader of another region got a record.")
	if remain > 0 {
		fmt.Fprintf(d.out, "%d purged records are gone from every peer's state, but their bytes remain in files of the holder's peers until these are scrubbed or overwritten.\n", remain)
	}
	if e := d.evidence.Erased; e != nil {
		fmt.Fprintf(d.out, "After that the %d peers of %s were scrubbed and searched: nothing is left of %d purged records. See %s.\n", len(e.Peers), e.Org, e.Records, e.Certificate)
	}
	for _, text := range slices.Sorted(maps.Keys(d.evidence.Authorities)) {
		fmt.Fprintf(d.out, "%d purged on ground %q, authority: %s\n", d.evidence.Authorities[text], record.GroundDue, text)
	}
	if d.evidence.Demo {
		fmt.Fprintf(d.out, "%s: these authorities are inventions of the demonstration policy.\n", purge.DemoPrefix)
	}
	if d.evidence.NotCovered > 0 {
		fmt.Fprintf(d.out, "%d places could not be searched fully; they are named above.\n", d.evidence.NotCovered)
	}
	if d.evidence.Refused > 0 {
		fmt.Fprintf(d.out, "%d records of the input were refused; their codes are named above.\n", d.evidence.Refused)
	}
	fmt.Fprintf(d.out, "%.0f s, of which %.0f s to bring the network up.\n", d.evidence.Seconds, d.evidence.UpSeconds)
}

// nodeList shortens "peer0.UsHospital peer1.UsHospital" to "UsHospital peer0, 1".
func nodeList(nodes []string) string {
	var orgs []string
	byOrg := map[string][]string{}
	for _, n := range nodes {
		name, org, ok := strings.Cut(n, ".")
		if !ok {
			name, org = n, ""
		}
		if !slices.Contains(orgs, org) {
			orgs = append(orgs, org)
		}
		byOrg[org] = append(byOrg[org], name)
	}
	var out []string
	for _, org := range orgs {
		list := byOrg[org]
		for i := range list[1:] {
			list[i+1] = strings.TrimPrefix(list[i+1], "peer")
		}
		out = append(out, strings.TrimSpace(org+" "+strings.Join(list, ", ")))
	}
	return strings.Join(out, "; ")
}

// verdictOfDemo is an error when a record did not go the way it should have.
func (d *demo) verdictOfDemo() error {
	for _, f := range d.followed {
		switch {
		case len(f.VerifiedFrom) != len(d.regions):
			return refused{fmt.Sprintf("%s was verified from %d of %d regions only", f.ID, len(f.VerifiedFrom), len(d.regions)), ""}
		case f.Due && !f.Held && f.State != record.StatePurged:
			return refused{f.ID + " was due and is not purged", ""}
		case (!f.Due || f.Held) && f.State == record.StatePurged:
			return refused{f.ID + " was not to be purged and is", ""}
		case len(f.Before) == 0:
			return refused{"the search found no bytes of " + f.ID + " before the purge, so it proves nothing after it", ""}
		}
	}
	return nil
}
