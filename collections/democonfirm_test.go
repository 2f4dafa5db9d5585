package collections

import (
	"os"
	"testing"
)

// The demo confirms its own rows, so that there is something to purge when it is
// tried. After a change of a row, -update writes the confirmations anew.
func TestTheDemoConfirmsEveryRowOfItsOwnAsADemonstration(t *testing.T) {
	for _, p := range []*Policy{Demo(), Small()} {
		for i := range p.Regions {
			r := &p.Regions[i]
			for _, log := range r.Logs("") {
				if *update {
					confirmDemo(t, r, log.Name)
				}
				part := DemoPrivate(log.Name)
				for _, row := range r.Retention {
					if !part.Confirmed(r.Name, row) && !*update {
						t.Errorf("%s does not confirm row %s of %s; -update writes it", log.Name, row.Name, r.Name)
					}
				}
				for _, c := range part.Confirmations {
					if !isDemo(c.By) || !isDemo(c.Source) {
						t.Errorf("%s confirms row %s as if it were law", log.Name, c.Row)
					}
				}
			}
		}
	}
}

func confirmDemo(t *testing.T, r *Region, log string) {
	t.Helper()
	name := "policies/private/" + log + ".yaml"
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Retention {
		b, err = Confirm(b, name, Confirmation{
			Region: r.Name, Row: row.Name, SHA256: RowDigest(r.Name, row),
			By: demoMark + ": nobody", Date: "2026-01-01", Source: demoMark + ": made to try the product",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
