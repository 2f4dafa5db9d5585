package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
)

// holdFlags are those of record hold and record release.
type holdFlags struct {
	region, org, subject string
	order                gateway.HoldOrder
	query                queryFlags
	release              bool
}

func (a *app) recordHold(release bool) *cobra.Command {
	o := holdFlags{release: release}
	name, what, does := "hold", "Forbid the purge of records, or of all records about a person", "held"
	if release {
		name, what, does = "release", "End a legal hold", "released"
	}
	c := &cobra.Command{
		Use: name + " --region REGION --matter M --authority A --reason R (ID... | --subject FILE|- | --query-...)", Short: what,
		Long: what + `.

A hold belongs to a matter, such as a court case. It blocks purges until every matter that
holds the record, or a person it is about, is released. Which records are held is visible to
the holders only. A hold on a person or by a query also takes records that are put later. It is
released by another person than the one who set it: on the local network record release acts
as the second officer, unless --as says otherwise.

A query takes the records that fit its types, its labels and its days, all that are given; for
records that fit one or the other, give two queries.

A record's hold is entered in the register of the collection the record is in, a person's in
every register of the organisation: one line of JSON for each. An id of no record, or of a
purged one, is an error.`,
		Example: fmt.Sprintf(`  domicile record %[1]s --region us --matter case-17 --authority "court order of 2026-05-02" --reason litigation ID
  domicile record %[1]s --region us --matter case-17 --authority "court order of 2026-05-02" --reason litigation --subject patient.json
  domicile record %[1]s --region us --matter case-18 --authority "FDA letter" --reason inquiry --query-type MedicationRequest --query-label OPIOIDUD --from 2019-01-01`, name),
		RunE: func(c *cobra.Command, args []string) error {
			return a.hold(c.Context(), &o, args, does)
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringVar(&o.order.Collection, "collection", "", "only in the register of this `collection` (default: in all)")
	f.StringVar(&o.order.Matter, "matter", "", "`reference` of the case")
	f.StringVar(&o.order.Authority, "authority", "", "`who` ordered it and under what")
	f.StringVar(&o.order.Reason, "reason", "", "`why`")
	f.StringVar(&o.subject, "subject", "", "the person in this `FILE|-`, as in record list")
	o.query.add(c)
	return c
}

// check reads the records and the query that the arguments and flags name.
func (o *holdFlags) check(ids []string) error {
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return err
		}
	}
	query, err := o.query.query()
	if err != nil {
		return err
	}
	if len(ids) == 0 && o.subject == "" && query == nil {
		return usagef("give ids of records, a person with --subject, or a query")
	}
	if query != nil && (len(ids) > 0 || o.subject != "") {
		return usagef("a hold by query stands alone, without ids and --subject")
	}
	o.order.IDs, o.order.Query = ids, query
	for _, f := range []struct{ name, value string }{{"matter", o.order.Matter}, {"authority", o.order.Authority}, {"reason", o.order.Reason}} {
		if f.value == "" {
			return usagef("--%s is missing", f.name)
		}
	}
	return nil
}

func (a *app) hold(ctx context.Context, o *holdFlags, ids []string, does string) error {
	if err := o.check(ids); err != nil {
		return err
	}
	role := record.RoleOfficer
	if o.release {
		role = secondOfficer
	}
	client, err := a.connect(ctx, where{o.region, o.org, role})
	if err != nil {
		return err
	}
	defer client.Close()
	if o.subject != "" {
		if o.order.Subjects, err = a.subjectTokens(client, o.subject); err != nil {
			return err
		}
	}
	order := client.HoldAll
	if o.release {
		order = client.ReleaseAll
	}
	receipts, err := order(ctx, o.order)
	for _, r := range receipts {
		if err := a.printLine(r); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if o.order.Query != nil {
		a.say("the query: %s for this matter in %d collections", does, len(receipts))
		return nil
	}
	a.say("%d records and %d index tokens: %s for this matter", len(ids), len(o.order.Subjects), does)
	return nil
}

// queryFlags are those of a hold by query.
type queryFlags struct {
	types, labels []string
	from, to      string
}

func (q *queryFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringSliceVar(&q.types, "query-type", nil, "records of any of these FHIR resource `types`, also those put later")
	f.StringSliceVar(&q.labels, "query-label", nil, "records with any of these `labels`, CODE or SYSTEM|CODE, or a more special one")
	f.StringVar(&q.from, "from", "", "with a query: care that ended, or may have ended, on this `day` or later")
	f.StringVar(&q.to, "to", "", "with a query: care that ended, or may have ended, on this `day` or earlier")
}

// query is nil when no flag asks for one.
func (q *queryFlags) query() (*record.Query, error) {
	if len(q.types)+len(q.labels) == 0 && q.from == "" && q.to == "" {
		return nil, nil
	}
	for _, day := range []string{q.from, q.to} {
		if d, err := fhir.ParseDate(day); day != "" && (err != nil || d.String() != day) {
			return nil, usagef("--from and --to are days, YYYY-MM-DD")
		}
	}
	labels, err := parseLabels(q.labels)
	if err != nil {
		return nil, err
	}
	return &record.Query{Types: q.types, Labels: labels, From: q.from, To: q.to}, nil
}
