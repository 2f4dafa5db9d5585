package cli

import (
	"github.com/spf13/cobra"

	"domicile/internal/sample"
)

func (a *app) sampleCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "sample", Short: "Generate input for trying things out",
		Example: "  domicile sample bundle > bundle.json",
	}
	var o sample.Options
	b := &cobra.Command{
		Use: "bundle", Short: "Print a made-up Bundle about nobody",
		Long: `Prints a FHIR transaction Bundle in the manner of Synthea: Patients with identifiers,
Encounters, Conditions and Observations, old and new, some labelled, some without an end
date. The same flags give the same bytes.`,
		Example: `  domicile sample bundle > bundle.json                          # 1,000 entries, 4 MB
  domicile sample bundle --seed 7 --entries 20 | domicile record put --region us -`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := sample.Write(a.out, o); err != nil {
				return usage{err: err}
			}
			return nil
		},
	}
	f := b.Flags()
	f.Uint64Var(&o.Seed, "seed", 1, "`number` that chooses the content")
	f.IntVar(&o.Entries, "entries", sample.DefaultEntries, "`number` of entries")
	f.IntVar(&o.EntryBytes, "entry-bytes", sample.DefaultEntryBytes, "rough `size` of an entry in bytes")
	f.IntVar(&o.Year, "year", sample.DefaultYear, "`year` of the newest records")
	c.AddCommand(b, a.sampleHealthCommand())
	return c
}

func (a *app) sampleHealthCommand() *cobra.Command {
	var o sample.HealthOptions
	c := &cobra.Command{
		Use: "health", Short: "Print a made-up Bundle with conditions that labelling rules know",
		Long: `Prints a FHIR transaction Bundle about made-up people with opioid use disorder, alcohol
use disorder, HIV, depression and high blood pressure, in ICD-10-CM, RxNorm, LOINC and
HCPCS: birth dates, episodes and encounters with their ends, Part 2 consents, and
psychotherapy notes, which alone carry labels. The first five people's records are old, the
next five's recent, and so on. The same flags give the same bytes.`,
		Example: `  domicile sample health > health.json                          # 10 people
  domicile sample health --patients 1 | domicile record put --region us -`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := sample.WriteHealth(a.out, o); err != nil {
				return usage{err: err}
			}
			return nil
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.Seed, "seed", 1, "`number` that chooses identifiers, dates and values")
	f.IntVar(&o.Patients, "patients", sample.DefaultPatients, "`number` of people")
	f.IntVar(&o.Year, "year", sample.DefaultYear, "`year` of the newest records")
	return c
}
