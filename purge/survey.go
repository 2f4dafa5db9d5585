package purge

import (
	"context"
	"slices"

	"domicile/chaincode/record"
)

// Backlog is what the due index of one collection holds: a hint for monitoring, read
// without looking at any record. Records under a hold and such that wait for a
// review are in it, canaries are not.
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
		case e.Canary:
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

// OldestPurgeable is the earliest due date, up to and including the day before
// (YYYY-MM-DD), of a record that a run would purge or finish, or that is in its way;
// empty: there is none. It reads records in the order of the due index until it meets
// one, at most [record.MaxPage] in each collection: whole is false when it met none
// and there were more. Its errors are the Ledger's.
func OldestPurgeable(ctx context.Context, l Ledger, collections []string, before string) (oldest string, whole bool, err error) {
	whole = true
	for _, c := range collections {
		page, err := onePage(ctx, l, c, before, "")
		if err != nil {
			return "", false, err
		}
		found, err := oldestOf(ctx, l, c, before, page.Entries)
		if err != nil {
			return "", false, err
		}
		if found != "" && (oldest == "" || found < oldest) {
			oldest = found
		}
		whole = whole && (found != "" || page.Next == "")
	}
	return oldest, whole, nil
}

func oldestOf(ctx context.Context, l Ledger, collection, before string, entries []record.Entry) (oldest string, err error) {
	var seen recent
	for chunk := range slices.Chunk(entries, record.MaxRecords) {
		list, err := reread(ctx, l, collection, before, chunk, &seen)
		if err != nil {
			return "", err
		}
		for _, f := range list {
			due := f.item.DueDate
			work := f.step == stepPurge || f.step == stepRest || f.step == stepFailed
			if work && !f.item.Canary && due != "" && (oldest == "" || due < oldest) {
				oldest = due
			}
		}
		if oldest != "" {
			break
		}
	}
	return oldest, nil
}
