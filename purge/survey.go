package purge

import (
	"context"

	"domicile/chaincode/record"
)

// Backlog is what the due index of one collection holds: a hint for monitoring, read
// without looking at any record. Records under a hold and such that wait for a
// review are in it.
type Backlog struct {
	Collection       string `json:"collection"`
	Due              int    `json:"due"`              // entries up to the asked day
	Oldest           string `json:"oldest,omitempty"` // earliest due date of them
	TombstoneMissing int    `json:"tombstoneMissing"` // purged, tombstone missing or not settled
}

// Survey counts the due index of each collection up to and including the day before
// (YYYY-MM-DD), in one read for every [record.MaxPage] entries. Its errors are the
// Ledger's; what was counted until then is returned.
func Survey(ctx context.Context, l Ledger, collections []string, before string) ([]Backlog, error) {
	var out []Backlog
	for _, c := range collections {
		b := Backlog{Collection: c}
		for after, more := "", true; more; {
			page, err := onePage(ctx, l, c, before, after)
			if err != nil {
				return out, err
			}
			b.count(page.Entries)
			after, more = page.Next, page.Next != ""
		}
		out = append(out, b)
	}
	return out, nil
}

func (b *Backlog) count(entries []record.Entry) {
	for _, e := range entries {
		switch {
		case e.Gone:
			b.TombstoneMissing++
		default:
			b.Due++
			if e.Date != "" && (b.Oldest == "" || e.Date < b.Oldest) {
				b.Oldest = e.Date
			}
		}
	}
}
