package cli

import "github.com/spf13/cobra"

func (a *app) retentionCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "retention", Short: "Say and ask how long records are kept",
		Example: `  domicile retention confirm --log us-a-log policy.yaml   # which rows of law a person has confirmed`,
	}
	c.AddCommand(a.retentionConfirm())
	return c
}
