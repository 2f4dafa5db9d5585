package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
)

// purgeCase destroys what an approved case of erasure lets go; without execute it
// only says what that is.
func (a *app) purgeCase(ctx context.Context, p *purgeFlags, ref string, execute bool) error {
	purger, err := a.connect(ctx, where{p.region, p.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer purger.Close()
	officer, err := a.beside(ctx, where{p.region, p.org, record.RoleOfficer}, p.officer)
	if err != nil {
		return err
	}
	if officer == nil {
		officer = purger
	} else {
		defer officer.Close()
	}
	if !execute {
		return a.planCase(ctx, officer, ref)
	}
	doc, err := officer.CaseOf(ctx, "", ref)
	if err != nil {
		return err
	}
	t := &erasureTally{app: a, left: map[record.Code]int{}}
	err = t.take(purger.PurgeForced(ctx, officer, ref))
	t.say(record.GroundForced)
	if len(t.erased) > 0 {
		// Also of an erasure that was cut short: the next one finds these records no more.
		owed, noticeErr := officer.Notices(context.WithoutCancel(ctx), t.erased)
		if noticeErr == nil {
			a.say("%s", noticeText(doc.Law, owed))
		}
		err = errors.Join(err, noticeErr)
	}
	if t.left[record.CodeNoCase] > 0 {
		err = errors.Join(err, record.Fail(record.CodeNoCase, "the case is not approved, closed, or does not cover a record"))
	}
	return errors.Join(err, t.inTheWay())
}

// erasureTally prints and counts what purges on grounds forced and withdrawn do.
type erasureTally struct {
	*app
	erased          []record.Ref
	left            map[record.Code]int
	stuck           int // left for another reason than a rule of law
	withoutEvidence int
}

// take goes through a purge, up to its first error.
func (t *erasureTally) take(list iter.Seq2[gateway.Erased, error]) error {
	for e, err := range list {
		if err != nil {
			return err
		}
		if e.Done {
			t.erased = append(t.erased, record.Ref{Collection: e.Collection, ID: e.ID})
		} else {
			t.left[e.Code]++
		}
		if e.InTheWay() {
			t.stuck++
		}
		if e.WithoutEvidence {
			t.withoutEvidence++
		}
		if err := t.printLine(e); err != nil {
			return err
		}
	}
	return nil
}

func (t *erasureTally) say(ground record.Ground) {
	t.app.say("%d records were purged on ground %q, with their tombstones", len(t.erased), ground)
	for _, code := range slices.Sorted(maps.Keys(t.left)) {
		t.app.say("  %d left alone: %s", t.left[code], code)
	}
	t.sayWithoutEvidence(t.withoutEvidence)
}

// inTheWay is the error of records that somebody has to look at.
func (t *erasureTally) inTheWay() error {
	if t.stuck == 0 {
		return nil
	}
	return refused{
		fmt.Sprintf("%d records are in the way and were left; the others are done", t.stuck),
		"each code is explained by domicile help CODE; run the same command again",
	}
}

func (a *app) planCase(ctx context.Context, officer *gateway.Client, ref string) error {
	doc, err := officer.CaseOf(ctx, "", ref)
	if err != nil {
		return err
	}
	received, err := fhir.ParseDate(doc.Received)
	if err != nil {
		return record.Fail(record.CodeVersion, "a stored date that this program does not know")
	}
	plan, err := officer.PlanErasure(ctx, doc.Subjects, doc.Law, received)
	if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(plan); err != nil {
			return err
		}
	} else {
		a.printErasure(plan, doc.Others)
	}
	switch {
	case doc.ClosedAt != "":
		a.say("the case is closed")
	case doc.ApprovedBy == "":
		a.say("the case is not approved yet: domicile retention case approve")
	}
	a.say("Nothing was changed. Pass --execute to purge on ground %q, authority: %s", record.GroundForced, doc.Authority)
	return nil
}

// noticeText says whom the holder has to tell of what was erased.
func noticeText(law string, list []gateway.Notice) string {
	under := "GDPR article 19"
	if law == record.LawMHMDA {
		under = "RCW 19.373.040"
	}
	var b strings.Builder
	for _, n := range list {
		fmt.Fprintf(&b, "notice is owed to %s (%s) of the erasure of %s\n", n.To, under, strings.Join(n.Erased, " "))
	}
	if len(list) == 0 {
		b.WriteString("no other organisation of this ledger had copies\n")
	}
	fmt.Fprintf(&b, "recipients outside of the ledger are owed notice, too (%s)", under)
	return b.String()
}
