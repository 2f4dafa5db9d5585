package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir/ds4p"
	"domicile/gateway"
)

func (a *app) labelSet() *cobra.Command {
	var region, org, reason string
	var labels []string
	var execute bool
	c := &cobra.Command{
		Use: "set --region REGION --labels L,L... --reason R ID", Short: "Give a record the labels that a person decided on",
		Long: `Replaces the whole label set of a record. Every label of the set is named, as CODE or as
SYSTEM|CODE; a CODE alone is one of the HL7 systems. Behind @ stands the policy that a label
rests on; one that the record has already keeps its own. Once more than one policy speaks,
each label needs one. The old set stays in the record's history,
with who replaced it and why. Taking a label away, or lowering the confidentiality, is a
downgrade, which only an officer may do. PROCESSINLINELABEL is kept, named or not, while elements
of the record have labels of their own.

Without --execute it says what would be lost and changes nothing. A record whose labels then
ask for another collection moves with the next label run, unless its bytes carry what was taken
away: those ask for the collection it is in, and it stays there.`,
		Example: `  domicile label set --region us --labels R,HIV --reason "the code was a test order" ID
  domicile label set --region us --labels N --reason "reviewed by the privacy officer" --execute ID
  domicile label set --region us --labels R@HIPAAPsyNotes,PSYTHPN@HIPAAPsyNotes,HIPAAPsyNotes --reason "notes of a session" ID`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkID(args[0]); err != nil {
				return err
			}
			if reason == "" || len(labels) == 0 {
				return usagef("--labels and --reason are both needed")
			}
			set, err := parseSet(labels)
			if err != nil {
				return err
			}
			return a.setLabels(c.Context(), where{region, org, record.RoleOfficer}, args[0], set, reason, execute)
		},
	}
	regionFlag(c, &region, true)
	f := c.Flags()
	f.StringVar(&org, "org", "", "`organisation` that holds the record (default: the region's first)")
	f.StringSliceVar(&labels, "labels", nil, "the whole new `set`, CODE or SYSTEM|CODE, with @POLICY behind or not, separated by commas")
	f.StringVar(&reason, "reason", "", "`why`")
	f.BoolVar(&execute, "execute", false, "really change the labels")
	return c
}

// parseLabels reads labels from a flag. A code alone gets the HL7 system that knows it.
func parseLabels(texts []string) ([]record.Label, error) {
	words := ds4p.Standard()
	var out []record.Label
	for _, text := range texts {
		system, code, full := strings.Cut(text, "|")
		if full {
			out = append(out, record.Label{System: system, Code: code})
			continue
		}
		l := record.Label{Code: text}
		for _, s := range words.Systems() {
			if words.Known(ds4p.Code{System: s.URL, Code: text}) {
				l.System = s.URL
				break
			}
		}
		if l.System == "" {
			return nil, usagef("a label is CODE of an HL7 system, or SYSTEM|CODE; one of those given is neither")
		}
		out = append(out, l)
	}
	return out, nil
}

// parseSet reads labels that may name the policy they rest on.
func parseSet(texts []string) ([]record.Label, error) {
	var out []record.Label
	for _, text := range texts {
		label, basis, named := strings.Cut(text, "@")
		list, err := parseLabels([]string{label})
		if err != nil {
			return nil, err
		}
		if named {
			on, err := parseLabels([]string{basis})
			if err != nil {
				return nil, usagef("behind @ stands the policy that a label rests on, CODE or SYSTEM|CODE")
			}
			list[0].BasisSystem, list[0].BasisCode = on[0].System, on[0].Code
		}
		out = append(out, list...)
	}
	return out, nil
}

func (a *app) setLabels(ctx context.Context, w where, id string, set []record.Label, reason string, execute bool) error {
	client, err := a.connect(ctx, w)
	if err != nil {
		return err
	}
	defer client.Close()
	found, err := client.Locate(ctx, []string{id})
	if err != nil {
		return err
	}
	at := found[0].Collection
	if at == "" {
		return record.Fail(record.CodeAbsent, id)
	}
	why, err := client.Explain(ctx, at, []string{id})
	if err != nil {
		return err
	}
	if why[0].Meta == nil {
		return record.Fail(record.CodeGone, id)
	}
	after := gateway.DecidedSet(why[0].Meta, set)
	lacks, err := client.Downgrades(ctx, at, why[0].Meta.Labels, after)
	if err != nil {
		return err
	}
	a.say("before: %s\nafter:  %s", codes(why[0].Meta.Labels), codes(after))
	if len(lacks) > 0 {
		a.say("a downgrade: %s would be lost", codes(lacks))
	}
	if !execute {
		a.say("Nothing was changed. Pass --execute to change the labels.")
		return nil
	}
	r, err := client.SetLabels(ctx, at, id, set, reason)
	if err != nil {
		return err
	}
	if err := a.printLine(struct {
		ID         string `json:"id"`
		Collection string `json:"collection"`
		gateway.TxReceipt
	}{id, at, r}); err != nil {
		return fmt.Errorf("print the receipt: %w", err)
	}
	return nil
}
