package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"domicile/fhir/labeling"
)

// ruleList is the JSON of label rules.
type ruleList struct {
	SHA256  string      `json:"sha256"`
	Version string      `json:"version,omitempty"`
	Rules   []ruleEntry `json:"rules"`
}

type ruleEntry struct {
	Rule     string `json:"rule"`
	Title    string `json:"title,omitempty"`
	ForTests bool   `json:"forTests,omitempty"`
}

func (a *app) labelRules() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use: "rules", Short: "List a rule set and the SHA-256 that puts it into force",
		Long: `Lists the rules of a set and its SHA-256. A holder puts the set into force by that number,
under labels.rules in the private part of a log collection, and domicile policy apply.`,
		Example: "  domicile label rules\n  domicile label rules --rules ./rules --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			rules, err := loadRules(from)
			if err != nil {
				return err
			}
			if rules == nil {
				rules = labeling.Shipped()
			}
			list := ruleList{SHA256: rules.SHA256(), Version: rules.Version()}
			for _, name := range rules.Names() {
				list.Rules = append(list.Rules, ruleEntry{name, rules.Title(name), rules.ForTests(name)})
			}
			if a.json {
				return a.printJSON(list)
			}
			fmt.Fprintln(a.out, "SHA-256: "+list.SHA256)
			t := newTable(a.out, "Rule", "Title", "For tests only")
			for _, r := range list.Rules {
				t.AppendRow([]any{r.Rule, r.Title, yes(r.ForTests)})
			}
			t.Render()
			return nil
		},
	}
	rulesFlag(c, &from)
	return c
}
