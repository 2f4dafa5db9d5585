package cli

import (
	"context"
	"fmt"
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
	done := 0
	var erased []record.Ref
	left := map[record.Code]int{}
	for e, err := range purger.PurgeForced(ctx, officer, ref) {
		if err != nil {
			return err
		}
		if e.Done {
			done++
			erased = append(erased, record.Ref{Collection: e.Collection, ID: e.ID})
		} else {
			left[e.Code]++
		}
		if err := a.printLine(e); err != nil {
			return err
		}
	}
	a.say("%d records were purged on ground %q, with their tombstones", done, record.GroundForced)
	for _, code := range slices.Sorted(maps.Keys(left)) {
		a.say("  %d left alone: %s", left[code], code)
	}
	if done > 0 {
		owed, err := officer.Notices(ctx, erased)
		if err != nil {
			return err
		}
		a.say("%s", noticeText(doc.Law, owed))
	}
	if left[record.CodeNoCase] > 0 {
		return record.Fail(record.CodeNoCase, "the case is not approved, closed, or does not cover a record")
	}
	return nil
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
