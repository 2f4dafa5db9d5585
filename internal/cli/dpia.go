package cli

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"domicile/collections"
	"domicile/fhir"
)

//go:embed dpia.md.tmpl
var dpiaText string

// dpia is what the template of an assessment is filled in with.
type dpia struct {
	Policy      *collections.Policy
	Digest      string
	Transfers   []dpiaTransfer
	Rows        []dpiaRow
	Unconfirmed int
}

// dpiaTransfer is one ordered pair of regions; Basis is empty where the policy
// names none.
type dpiaTransfer struct{ From, To, Basis, Authority string }

type dpiaRow struct{ Region, Name, Kind, Keeps, Action, Authority, Confidence, Confirmed string }

func (a *app) policyDPIA() *cobra.Command {
	return &cobra.Command{
		Use: "dpia FILE", Short: "Write a template of the data protection impact assessment",
		Long: `Writes, in Markdown, a template of the assessment that GDPR article 35 asks for, filled in
with the policy's regions, holders, transfer bases and retention rows, and with the confirmations
in its private parts. What only people can answer is left open between ▢ marks.`,
		Example: "  domicile policy dpia policy.yaml > dpia.md\n  domicile policy dpia demo",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := a.dpia(args[0])
			if err != nil {
				return err
			}
			t, err := template.New("dpia").Funcs(template.FuncMap{
				"join":    func(list []string) string { return strings.Join(list, ", ") },
				"records": func(r collections.Region) []collections.Collection { return r.Records("") },
				"cell":    func(s string) string { return strings.ReplaceAll(s, "|", `\|`) },
			}).Parse(dpiaText)
			if err != nil {
				return fmt.Errorf("the template of the assessment: %w", err)
			}
			return t.Execute(a.out, d)
		},
	}
}

func (a *app) dpia(file string) (*dpia, error) {
	p, err := readPolicy(file)
	if err != nil {
		return nil, err
	}
	d := &dpia{Policy: p, Digest: p.Digest()}
	for i := range p.Regions {
		r := &p.Regions[i]
		parts, err := a.partsOf(file, r)
		if err != nil {
			return nil, err
		}
		for _, row := range r.Retention {
			x := dpiaRow{
				Region: r.Name, Name: row.Name, Kind: row.Kind, Keeps: keeps(row), Action: row.Action,
				Authority: row.Authority, Confidence: row.Confidence, Confirmed: confirmers(parts, r.Name, row),
			}
			if x.Confirmed == "" {
				d.Unconfirmed++
			}
			d.Rows = append(d.Rows, x)
		}
		d.Transfers = append(d.Transfers, transfers(p, r)...)
	}
	return d, nil
}

// partsOf reads the private parts of a region's logs that are there.
func (a *app) partsOf(file string, r *collections.Region) ([]*collections.Private, error) {
	var out []*collections.Private
	for _, log := range r.Logs("") {
		part, err := privateFor(file, privateDir(file), log.Name)
		var u usage
		if errors.Is(err, fs.ErrNotExist) || errors.As(err, &u) {
			a.say("warning: no private part for %s: its confirmations are not in the page", log.Name)
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, part)
	}
	return out, nil
}

// keeps says in words how long a row keeps.
func keeps(row collections.Row) string {
	var ways []string
	for _, u := range row.Until {
		way := u.Trigger + " + " + u.Keep.String()
		if u.Then != (fhir.Period{}) {
			way += " + " + u.Then.String()
		}
		ways = append(ways, way)
	}
	if len(ways) == 1 {
		return ways[0]
	}
	which := "the later of "
	if row.Combine == collections.CombineMin {
		which = "the earlier of "
	}
	return which + strings.Join(ways, ", ")
}

// confirmers says who has confirmed a row, for all holders of the region.
func confirmers(parts []*collections.Private, region string, row collections.Row) string {
	var out, missing []string
	for _, p := range parts {
		if !p.Confirmed(region, row) {
			missing = append(missing, p.Log)
			continue
		}
		for _, c := range p.Confirmations {
			if c.Region == region && c.Row == row.Name {
				out = append(out, fmt.Sprintf("%s: %s, %s", p.Log, c.By, c.Date))
			}
		}
	}
	if len(out) > 0 && len(missing) > 0 {
		out = append(out, "▢ not yet for "+strings.Join(missing, ", ")+" ▢")
	}
	return strings.Join(out, "; ")
}

// transfers lists every other region with what the policy says of it.
func transfers(p *collections.Policy, r *collections.Region) []dpiaTransfer {
	var out []dpiaTransfer
	for _, to := range p.Regions {
		if to.Name == r.Name || to.Within == r.Name || r.Within == to.Name {
			continue
		}
		x := dpiaTransfer{From: r.Name, To: to.Name}
		for _, t := range r.Transfers {
			if t.To == to.Name {
				x.Basis, x.Authority = t.Basis, t.Authority
			}
		}
		out = append(out, x)
	}
	return out
}
