package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
)

// helpCommand is cobra's help that knows error codes too.
func (a *app) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND|CODE]", Short: "Explain a command or an error code",
		Long: "Explains a command, or an error code such as GONE. help codes lists all codes.",
		Example: `  domicile help record put
  domicile help NOT_DUE
  domicile help codes --json`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			out := []string{"codes"}
			for _, c := range root.Commands() {
				out = append(out, c.Name()+"\t"+c.Short)
			}
			for _, i := range record.Codes() {
				out = append(out, string(i.Code)+"\t"+i.Means)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && strings.EqualFold(args[0], "codes") {
				return a.listCodes()
			}
			if len(args) == 1 {
				if info, ok := record.Explain(record.Code(strings.ToUpper(args[0]))); ok {
					return a.explain(info)
				}
			}
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usage{errors.New("there is no such command or error code"), "domicile help lists the commands, domicile help codes the codes"}
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

// codeJSON is the JSON form of an explanation.
type codeJSON struct {
	Code   record.Code `json:"code"`
	Origin string      `json:"origin"`
	Means  string      `json:"means"`
	Fix    string      `json:"fix"`
	Retry  bool        `json:"retry"`
}

func (a *app) explain(i record.Info) error {
	if a.json {
		return a.printJSON(codeJSON(i))
	}
	again := "The same request will be refused again."
	if i.Retry {
		again = "The same request may succeed later, unchanged."
	}
	_, err := a.out.Write([]byte(string(i.Code) + " (from the " + i.Origin + ")\n\n" + i.Means + "\n" + i.Fix + "\n" + again + "\n"))
	return err
}

func (a *app) listCodes() error {
	if a.json {
		var out []codeJSON
		for _, i := range record.Codes() {
			out = append(out, codeJSON(i))
		}
		return a.printJSON(out)
	}
	t := newTable(a.out, "Code", "From", "Again later", "Means")
	for _, i := range record.Codes() {
		again := ""
		if i.Retry {
			again = "yes"
		}
		t.AppendRow([]any{i.Code, i.Origin, again, i.Means})
	}
	t.Render()
	return nil
}
