package cli

import (
	"context"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/labeling"
	"domicile/gateway"
)

// labelByRules puts the shipped labelling rules into force for the holders of the
// network that the demonstration brought up, or found.
func (d *demo) labelByRules(ctx context.Context) error {
	b, err := d.bundle("", d.n.Topology())
	if err != nil {
		return err
	}
	r := d.newRollout(d.n, b)
	defer r.close()
	return r.privateParts(ctx, false)
}

// shippedSystem is the code system of labels that the shipped rules need beside those
// of HL7.
func shippedSystem() collections.LocalSystem {
	from := labeling.LocalSystem()
	to := collections.LocalSystem{URL: from.URL, Version: from.Version}
	for _, c := range from.Codes {
		code := collections.LocalCode{Code: c.Code, Display: c.Display, Set: c.Set}
		for _, up := range c.Parents {
			code.Parents = append(code.Parents, collections.Label{System: up.System, Code: up.Code})
		}
		to.Codes = append(to.Codes, code)
	}
	return to
}

// explain shows the labels of the records followed, and of one of them why it has
// them and how long it is kept.
func (d *demo) explain(ctx context.Context) error {
	c, err := d.client(ctx, d.home, record.RoleOfficer)
	if err != nil {
		return err
	}
	for _, f := range d.followed {
		if f.Region != d.home {
			continue
		}
		list, err := c.Explain(ctx, f.Collection, []string{f.ID})
		if err != nil {
			return err
		}
		if m := list[0].Meta; m != nil {
			f.Labels = codes(m.Labels)
		}
	}
	f := d.mostLabelled()
	if f == nil {
		return nil
	}
	w, err := d.client(ctx, d.home, record.RoleWriter)
	if err != nil {
		return err
	}
	why, err := w.ExplainLabels(ctx, f.ID)
	if err != nil {
		return err
	}
	d.say("  %s, %s, in %s: %s", f.ID, why.Type, f.Collection, f.Labels)
	slices.SortStableFunc(why.Findings, func(x, y labeling.Finding) int { return boolOrder(x.Rule == "") - boolOrder(y.Rule == "") })
	for i, x := range why.Findings {
		if i == 3 {
			break
		}
		d.say("    %s: %s", x.Label.Code, strings.Join(strings.Fields(x.Rule+" "+x.Path+": "+x.Why), " "))
	}
	e, err := explainOne(ctx, c, f.ID)
	if err != nil {
		return err
	}
	due := "no date"
	if e.Due != "" {
		due = "from " + e.Due + " on"
	}
	d.say("    may go %s: %s, row %q of %d considered (%s)", due, e.Assessment.Why, e.Assessment.Row, len(e.Assessment.Considered), e.Assessment.Authority)
	return nil
}

// mostLabelled is the record followed with the longest list of labels.
func (d *demo) mostLabelled() *followed {
	var best *followed
	for _, f := range d.followed {
		if f.Region == d.home && f.Labels != "" && (best == nil || len(f.Labels) > len(best.Labels)) {
			best = f
		}
	}
	return best
}

// release has another officer end the hold that the demonstration set, after showing
// that the one who set it may not.
func (d *demo) release(ctx context.Context) error {
	i := slices.IndexFunc(d.followed, func(f *followed) bool { return f.Held })
	if i < 0 {
		return nil
	}
	f := d.followed[i]
	order := gateway.HoldOrder{
		Collection: f.Collection, IDs: []string{f.ID},
		Matter: "demo", Authority: "DEMO, not law: an invented court order", Reason: "the invented case has ended",
	}
	first, err := d.client(ctx, f.Region, record.RoleOfficer)
	if err != nil {
		return err
	}
	if _, err := first.Release(ctx, order); record.CodeOf(err) != record.CodeSamePerson {
		return refused{"the officer who set a hold could end it alone", ""}
	}
	second, err := d.client(ctx, f.Region, secondOfficer)
	if err != nil {
		return err
	}
	if _, err := second.Release(ctx, order); err != nil {
		return err
	}
	d.say("  %s: the hold on %s released, by another person than the one who set it", f.Region, f.ID)
	return nil
}
