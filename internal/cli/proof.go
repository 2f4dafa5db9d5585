package cli

import (
	"encoding/hex"
	"fmt"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/gateway"
)

func (a *app) proofCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "proof", Short: "Read and check what is public about a record",
		Long: `Proofs are public: ids, hashes and times. They can be read from any region, and need no
access to private data.`,
		Example: "  domicile proof show ID\n  domicile proof verify ID --salt HEX resource.json\n  domicile proof verify-destruction certificate.json --genesis genesis.block",
	}
	c.AddCommand(a.proofShow(), a.proofVerify(), a.proofCertificate(), a.proofVerifyDestruction())
	return c
}

// from asks a region's own peers, or anybody.
func from(region string) []gateway.ReadOption {
	if region == "" {
		return nil
	}
	return []gateway.ReadOption{gateway.From(region)}
}

func (a *app) proofShow() *cobra.Command {
	var region string
	c := &cobra.Command{
		Use: "show ID...", Short: "Print what the public ledger says of a record",
		Long: `Prints one JSON object for each id: {id, collection, region, hash, state, anchoredAt,
txId, purgedAt, tombstoneTxId}. State is unanchored, active, purged or unknown.`,
		Example: "  domicile proof show ID\n  domicile proof show --region au ID   # as the peers of au see it",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, id := range args {
				if err := checkID(id); err != nil {
					return err
				}
			}
			client, err := a.connect(c.Context(), where{region: region, role: record.RoleReader})
			if err != nil {
				return err
			}
			defer client.Close()
			proofs, err := client.Proof(c.Context(), args, from(region)...)
			if err != nil {
				return err
			}
			unknown := 0
			for _, p := range proofs {
				if p.State == record.StateUnknown {
					unknown++
				}
				if err := a.printLine(p); err != nil {
					return err
				}
			}
			if unknown > 0 {
				return refused{fmt.Sprintf("%s: %d of %d ids are not on the ledger", record.CodeAbsent, unknown, len(proofs)), "check the ids; a record that was never anchored is known by its collection's region only while it lives"}
			}
			return nil
		},
	}
	regionFlag(c, &region, false)
	return c
}

func (a *app) proofVerify() *cobra.Command {
	var region, salt, collection string
	var everywhere bool
	c := &cobra.Command{
		Use: "verify ID --salt HEX FILE|-", Short: "Check a copy of a record against the ledger",
		Long: `Hashes the salt and the bytes of the file and compares with the record's hash on the
ledger. Prints ok or mismatch; the exit status is 1 for a mismatch. The bytes are not sent
anywhere.`,
		Example: `  domicile proof verify ID --salt HEX resource.json
  domicile proof verify ID --salt HEX --every-region - < resource.json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkID(args[0]); err != nil {
				return err
			}
			s, err := hex.DecodeString(salt)
			if err != nil || len(s) != record.SaltLen {
				return usage{fmt.Errorf("--salt is %d bytes in hex", record.SaltLen), "the holder prints it with domicile record get --salt"}
			}
			b, err := a.readAll(args[1], record.MaxBody)
			if err != nil {
				return err
			}
			client, err := a.connect(c.Context(), where{region: region, role: record.RoleReader})
			if err != nil {
				return err
			}
			defer client.Close()
			regions := []string{region}
			if everywhere {
				regions = client.ProofRegions()
			}
			for _, r := range regions {
				v, err := client.Verify(c.Context(), args[0], record.Hash(s, b), append(from(r), gateway.In(collection))...)
				if err != nil {
					return err
				}
				if err := a.verdict(v, r); err != nil {
					return err
				}
			}
			return nil
		},
	}
	regionFlag(c, &region, false)
	c.Flags().StringVar(&salt, "salt", "", "the record's salt, in `hex`")
	c.Flags().StringVar(&collection, "collection", "", "`collection` of the record, when several hold something under the id")
	c.Flags().BoolVar(&everywhere, "every-region", false, "ask the peers of every region")
	return c
}

// verdict prints one answer; a mismatch is an error.
func (a *app) verdict(v record.Verdict, region string) error {
	word := "ok"
	if !v.Match {
		word = "mismatch"
	}
	by := ""
	if region != "" {
		by = " according to " + region
	}
	where := "" // other holders may have anchored something of theirs under the same id
	if v.Collection != "" {
		where = " in " + v.Collection + " of " + v.Region
	}
	if a.json {
		if err := a.printJSON(v); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.out, "%s: %s is %s%s%s\n", word, v.ID, v.State, where, by)
	}
	switch {
	case v.State == record.StateUnknown:
		return record.Fail(record.CodeAbsent, v.ID+" is not on the ledger")
	case !v.Match:
		return record.Fail(record.CodeMismatch, v.ID)
	}
	return nil
}
