package collections

import (
	"slices"
	"strings"
)

// keptDates ends notes on retention: a shorter period never reaches back.
const keptDates = "records already stored are not due before the date they were given"

func (d *differ) retention(at string, a, b []Row) {
	byName := func(rows []Row, name string) *Row {
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
		if i < 0 {
			return nil
		}
		return &rows[i]
	}
	for i := range a {
		o, p := &a[i], at+"."+a[i].Name
		n := byName(b, o.Name)
		if n == nil {
			d.note(p, "the row of %s is removed: records that no other row matches are never due; %s", o.Periods(), keptDates)
			continue
		}
		d.row(p, o, n)
	}
	for _, n := range b {
		if byName(a, n.Name) == nil {
			d.note(at+"."+n.Name, "the row is new: %s; nobody has confirmed it", n.means())
		}
	}
}

// row notes what changes of one row.
func (d *differ) row(p string, o, n *Row) {
	was, is := o.Periods(), n.Periods()
	switch {
	case was == is:
	case len(o.Until) == 1 && len(n.Until) == 1 && o.Until[0].Trigger == n.Until[0].Trigger && o.Until[0].Then == n.Until[0].Then:
		switch compare(n.Until[0].Keep, o.Until[0].Keep) {
		case -1:
			d.note(p+".keep", "retention is SHORTENED from %s to %s; %s", o.Until[0].Keep, n.Until[0].Keep, keptDates)
		case 1:
			d.note(p+".keep", "retention is lengthened from %s to %s, for stored records too", o.Until[0].Keep, n.Until[0].Keep)
		default:
			d.text(p+".keep", o.Until[0].Keep.String(), n.Until[0].Keep.String(), "the period is written otherwise")
		}
	default:
		d.note(p+".until", "the period changes from %s to %s; %s", was, is, keptDates)
	}
	if !o.When.equal(n.When) {
		d.note(p+".when", "the row matches other records than before; %s", keptDates)
	}
	if !slices.Equal(marshal(o.AppliesIf), marshal(n.AppliesIf)) {
		d.note(p+".applies-if", "the row applies to other people than before; %s", keptDates)
	}
	d.text(p+".jurisdiction", o.Jurisdiction, n.Jurisdiction, "the row becomes the law of another place")
	d.text(p+".class", o.Class, n.Class, "the row becomes one of another class of records")
	d.text(p+".kind", o.Kind, n.Kind, "the row changes sides")
	d.text(p+".action", o.Action, n.Action, "what happens to records past the row changes")
	d.text(p+".authority", o.Authority, n.Authority, "the authority changes")
	d.text(p+".confidence", o.Confidence, n.Confidence, "the author's confidence changes")
	if RowDigest("", *o) != RowDigest("", *n) {
		d.note(p, "the row is edited: its confirmations end, and until somebody confirms it again it can only keep")
	}
}

// Periods says how long a row keeps, for people: "6y" after the end of the resource,
// or each way with its trigger, such as "max of birth + 18y + 3y, last-encounter + 6y".
func (row *Row) Periods() string {
	if len(row.Until) == 1 && row.Until[0].Trigger == TriggerEnd && row.Until[0].Then.Unit == 0 {
		return row.Until[0].Keep.String()
	}
	list := texts(row.Until, func(u Until) string {
		s := u.Trigger + " + " + u.Keep.String()
		if u.Then.Unit != 0 {
			s += " + " + u.Then.String()
		}
		return s
	})
	if len(list) == 1 {
		return list[0]
	}
	return row.Combine + " of " + strings.Join(list, ", ")
}

// means says what a row demands.
func (row *Row) means() string {
	if row.Kind == KindCeiling {
		return "records it matches are kept " + row.Periods() + " at most, in approved cases of erasure"
	}
	return "records it matches are kept " + row.Periods() + " at least, stored ones too"
}
