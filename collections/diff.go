package collections

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Change is one difference between two policies.
type Change struct {
	Path string // such as regions.us.collections.us-a.members
	What string // what changes and what follows from it
	// Refused says why the change cannot be made, and what to do; "" for a change
	// that can.
	Refused string
}

// String returns one line: "path: what", and "REFUSED: why" after it.
func (c Change) String() string {
	s := c.Path + ": " + c.What
	if c.Refused != "" {
		s += "; REFUSED: " + c.Refused
	}
	return s
}

// Refused joins the refusals among changes, nil if there are none.
func Refused(changes []Change) error {
	var r report
	for i, c := range changes {
		if c.Refused != "" {
			r.add(place{fmt.Sprint(i), c.Path}, "%s; refused: %s", c.What, c.Refused)
		}
	}
	return r.err()
}

// Diff lists what changes from one policy to the next, sorted by path; nothing if
// there is no old one (nil). Refused are changes that Fabric cannot make or that
// would take records out of their region, out of reach of their holds, or out of
// reach of a purge.
func Diff(old, updated *Policy) []Change {
	if old == nil {
		return nil
	}
	d := differ{old: old, new: updated}
	d.text(place{}.field("name").shown, old.Name, updated.Name, "the policy is renamed; every region approves, because each region's part names it")
	for i := range old.Regions {
		a := &old.Regions[i]
		at := "regions." + a.Name
		if b, ok := updated.Region(a.Name); ok {
			d.region(at, a, b)
			continue
		}
		d.refuse(at, "the region is removed",
			"its collections cannot be dropped from the channel (Fabric) and its records and their proofs would belong to nobody; keep the region")
	}
	for i := range updated.Regions {
		b := &updated.Regions[i]
		if _, ok := old.Region(b.Name); !ok {
			d.note("regions."+b.Name, "the region is new; from now on it takes part in approving policies and endorsing proofs")
		}
	}
	d.collections()
	slices.SortStableFunc(d.changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return d.changes
}

type differ struct {
	old, new *Policy
	changes  []Change
}

func (d *differ) note(path, format string, args ...any) {
	d.changes = append(d.changes, Change{Path: path, What: fmt.Sprintf(format, args...)})
}

func (d *differ) refuse(path, what, why string) {
	d.changes = append(d.changes, Change{Path: path, What: what, Refused: why})
}

func (d *differ) text(path, a, b, what string) {
	if a != b {
		d.note(path, "%s: %s becomes %s", what, cmp.Or(a, "none"), cmp.Or(b, "none"))
	}
}

func (d *differ) region(at string, a, b *Region) {
	d.text(at+".within", a.Within, b.Within, "the region moves")
	d.text(at+".jurisdictions", strings.Join(a.Jurisdictions, ", "), strings.Join(b.Jurisdictions, ", "), "jurisdictions change")
	gone, added := compareSets(a.Organizations, b.Organizations)
	for _, o := range gone {
		now, moved := d.new.RegionOf(o)
		switch {
		case !moved:
			d.note(at+".organizations", "%s LEAVES: it keeps on its disks whatever it holds, forever, and loses its say in the region", o)
		case !d.new.inside(now.Name, a.Name):
			d.refuse(at+".organizations", fmt.Sprintf("%s moves from region %s to %s", o, a.Name, now.Name),
				fmt.Sprintf("the records on its peers would leave their region; give region %s an organisation of its own", now.Name))
		default:
			d.note(at+".organizations", "%s moves into %s, inside %s", o, now.Name, a.Name)
		}
	}
	for _, o := range added {
		if _, before := d.old.RegionOf(o); !before {
			d.note(at+".organizations", "%s joins: from now on it takes part in approving policies and endorsing proofs", o)
		}
	}
	d.retention(at+".retention", a.Retention, b.Retention)
	show := func(t Transfer) string { return "to " + t.To + " on " + t.Basis + " (" + t.Authority + ")" }
	ta, tb := texts(a.Transfers, show), texts(b.Transfers, show)
	gone, added = compareSets(ta, tb)
	for _, t := range gone {
		d.note(at+".transfers", "the transfer basis %s ends", t)
	}
	for _, t := range added {
		d.note(at+".transfers", "the transfer basis %s is new", t)
	}
}

// collections compares collections across regions, so that a move is seen.
func (d *differ) collections() {
	for i := range d.old.Regions {
		r := &d.old.Regions[i]
		for j := range r.Collections {
			a := &r.Collections[j]
			at := "regions." + r.Name + ".collections." + a.Name
			now, b, ok := d.new.Collection(a.Name)
			switch {
			case !ok:
				d.refuse(at, "the collection is dropped",
					"Fabric keeps every committed collection for ever (a definition without it is refused); leave it in and route nothing to it")
			case now.Name != r.Name:
				d.refuse(at, "the collection moves to region "+now.Name,
					"its records would leave their region; make a new collection there")
			default:
				d.collection(at, a, b)
			}
		}
	}
	for i := range d.new.Regions {
		r := &d.new.Regions[i]
		for _, b := range r.Collections {
			if _, _, ok := d.old.Collection(b.Name); !ok {
				d.note("regions."+r.Name+".collections."+b.Name, "the collection is new; Fabric never lets go of it again")
			}
		}
	}
}

func (d *differ) collection(at string, a, b *Collection) {
	switch {
	case a.IsLog() && !b.IsLog():
		d.refuse(at+".log", "the log becomes a record collection", "its holds and its register of purged records would be lost to the contract; keep it a log")
	case !a.IsLog() && b.IsLog():
		d.refuse(at+".log", "the record collection becomes a log", "the records in it could be neither found nor purged; make a new log")
	case a.Log != b.Log:
		d.refuse(at+".log", fmt.Sprintf("the log changes from %s to %s", a.Log, b.Log),
			"holds and the register of purged records stay in the old log: held records could be purged and purged ones come back; keep the log")
	}
	d.members(at+".members", a, b)
	if a.RequiredPeerCount != b.RequiredPeerCount {
		d.note(at+".requiredPeerCount", "%d becomes %d", a.RequiredPeerCount, b.RequiredPeerCount)
	}
	if a.MaxPeerCount != b.MaxPeerCount {
		d.note(at+".maxPeerCount", "%d becomes %d", a.MaxPeerCount, b.MaxPeerCount)
	}
	if a.IsLog() || b.IsLog() {
		return // a log's roles follow its collections
	}
	gone, added := compareSets(roleLines(a), roleLines(b))
	for _, s := range gone {
		d.note(at+".roles", "%s is withdrawn", s)
	}
	for _, s := range added {
		d.note(at+".roles", "%s is granted", s)
	}
}

func (d *differ) members(at string, a, b *Collection) {
	gone, added := compareSets(a.Members, b.Members)
	if len(gone) == len(a.Members) && len(gone) > 0 {
		d.refuse(at, "all members are replaced: "+strings.Join(gone, ", ")+" by "+strings.Join(added, ", "),
			"nobody would remain who has the records and can hand them over, hold or purge them; add the new members first and remove the old ones later")
		return
	}
	for _, m := range gone {
		d.note(at, "%s is REMOVED: it KEEPS on its disks what it has and gets nothing new; purges still reach its peers' state while they run", m)
	}
	for _, m := range added {
		d.note(at, "%s is ADDED: its peers receive EVERYTHING that is in the collection, the past included, and that cannot be taken back", m)
	}
	if was, is := len(a.Members) > 1, len(b.Members) > 1; was != is && !a.IsLog() {
		d.note(at, "new records here are %s copies from now on", map[bool]string{true: "disclosed", false: "custodial"}[is])
	}
}

func roleLines(c *Collection) []string {
	var out []string
	for _, msp := range keys(c.Roles) {
		for _, role := range c.Roles[msp] {
			out = append(out, "role "+role+" of "+msp)
		}
	}
	return out
}

func texts[T any](list []T, text func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = text(v)
	}
	return out
}

// compareSets returns what is only in a and what is only in b.
func compareSets(a, b []string) (onlyA, onlyB []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			onlyA = append(onlyA, s)
		}
	}
	for _, s := range b {
		if !slices.Contains(a, s) {
			onlyB = append(onlyB, s)
		}
	}
	return onlyA, onlyB
}
