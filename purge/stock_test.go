package purge

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/record"
)

// stock is a ledger of one collection that can hold a million records: its due index
// is an array in the order of due dates. It counts what it is asked.
type stock struct {
	due     []int32 // day of each record, ascending
	state   []uint8 // of each record
	todo    map[int]bool
	calls   int
	entries int // index entries and states handed out
	pageLen int
	block   uint64
}

// States of a record in a [stock].
const (
	stockLive uint8 = iota
	stockGone
	stockBuried
)

// newStock has due records among n; the others become due years later.
func newStock(n, due int) *stock {
	s := &stock{due: make([]int32, n), state: make([]uint8, n), todo: map[int]bool{}, pageLen: record.MaxPage, block: 1}
	for i := range s.due {
		if i < due {
			s.due[i] = int32(i % 300 * due / max(due, 1) / 300)
		} else {
			s.due[i] = 20_000
		}
	}
	slices.Sort(s.due[:due])
	return s
}

var stockEpoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *stock) date(i int) string {
	return stockEpoch.AddDate(0, 0, int(s.due[i])).Format(time.DateOnly)
}

const idLetters = "abcdefghijklmnopqrstuvwxyz234567"

func stockID(i int) string {
	b := []byte(strings.Repeat("a", record.IDLen))
	for k := len(b) - 1; i > 0; k, i = k-1, i/32 {
		b[k] = idLetters[i%32]
	}
	return string(b)
}

func stockIndex(id string) int {
	n := 0
	for _, c := range []byte(id) {
		n = n*32 + strings.IndexByte(idLetters, c)
	}
	return n
}

func (s *stock) Due(_ context.Context, _, before, after string) (record.Page, error) {
	s.calls++
	var p record.Page
	full := func(e record.Entry, key string) bool {
		if len(p.Entries) == s.pageLen {
			return true
		}
		p.Entries = append(p.Entries, e)
		p.Next = key
		return false
	}
	var from int
	if !strings.HasPrefix(after, "todo/") {
		fmt.Sscanf(after, "due/%d", &from)
		for i := from; i < len(s.due) && s.date(i) <= before; i++ {
			if s.state[i] == stockLive && full(record.Entry{ID: stockID(i), Date: s.date(i), Size: 2000}, fmt.Sprintf("due/%09d", i+1)) {
				s.entries += len(p.Entries)
				return p, nil
			}
		}
		after = ""
	}
	var list []string
	for i := range s.todo {
		if k := fmt.Sprintf("todo/%09d", i); k > after {
			list = append(list, k)
		}
	}
	slices.Sort(list)
	for _, k := range list {
		var i int
		fmt.Sscanf(k, "todo/%d", &i)
		if full(record.Entry{ID: stockID(i), Gone: true}, k) {
			s.entries += len(p.Entries)
			return p, nil
		}
	}
	p.Next = ""
	s.entries += len(p.Entries)
	return p, nil
}

func (s *stock) Inspect(_ context.Context, _ string, ids []string) ([]record.State, error) {
	s.calls++
	s.entries += len(ids)
	var out []record.State
	for _, id := range ids {
		i := stockIndex(id)
		st := record.State{ID: id, State: record.InsideGone}
		if s.state[i] == stockLive {
			st = record.State{ID: id, State: record.InsidePresent, DueDate: s.date(i), IsDue: s.date(i) <= today, Size: 2000, PutTx: fmt.Sprint(i / 10)}
		}
		out = append(out, st)
	}
	return out, nil
}

func (s *stock) Purge(_ context.Context, q record.PurgeRequest) (Receipt, error) {
	s.calls++
	for _, id := range q.Settle {
		delete(s.todo, stockIndex(id))
	}
	for _, id := range q.IDs {
		i := stockIndex(id)
		if s.state[i] != stockLive {
			return Receipt{}, record.Fail(record.CodeGone, id)
		}
		s.state[i] = stockGone
		s.todo[i] = true
	}
	s.block++
	return Receipt{Block: s.block}, nil
}

func (s *stock) Tombstone(_ context.Context, refs []record.Ref) (Receipt, error) {
	s.calls++
	for _, r := range refs {
		s.state[stockIndex(r.ID)] = stockBuried
	}
	s.block++
	return Receipt{Block: s.block}, nil
}

func TestACycleCostsWhatIsDueAndNotWhatIsStored(t *testing.T) {
	var calls, entries int
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		s := newStock(n, 1000)
		res, err := Run(t.Context(), s, options())
		if err != nil || res.Purged != 1000 || res.Tombstoned != 1000 || len(s.todo) != 0 {
			t.Fatalf("%d stored: %+v, %v, %d to do", n, res, err, len(s.todo))
		}
		if calls == 0 {
			calls, entries = s.calls, s.entries
		}
		t.Logf("1,000 due of %d: %d calls, %d entries", n, s.calls, s.entries)
		if float64(s.calls) > 1.2*float64(calls) || float64(s.entries) > 1.2*float64(entries) {
			t.Errorf("%d stored: %d calls and %d entries, against %d and %d", n, s.calls, s.entries, calls, entries)
		}
	}
}

func TestAHundredThousandDueAtOnceFinishInBoundedMemory(t *testing.T) {
	const n = 100_000
	s := newStock(n, n)
	o := options()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	base, peak, done := heap(), uint64(0), 0
	o.Progress = func(e Event) {
		if e.Kind == EventPurged {
			if done++; done%20_000 == 500 {
				peak = max(peak, heap())
			}
		}
	}
	res, err := Run(t.Context(), s, o)
	if err != nil || res.Purged != n || res.Tombstoned != n || len(s.todo) != 0 || res.Short > res.Batches/20 {
		t.Fatalf("%+v, %v, %d to do", res, err, len(s.todo))
	}
	t.Logf("%d calls, %d batches, heap grew by %d KiB at most", s.calls, res.Batches, (int64(peak)-int64(base))>>10)
	if peak > base+10<<20 {
		t.Errorf("heap grew from %d to %d bytes", base, peak)
	}
}

func TestAPageAtTheLimitIsFollowedAndAnUnpagedAnswerIsAnError(t *testing.T) {
	for _, n := range []int{record.MaxPage - 1, record.MaxPage, record.MaxPage + 1, 2*record.MaxPage + 5} {
		s := newStock(n, n)
		if res, err := Run(t.Context(), s, options()); err != nil || res.Purged != n {
			t.Errorf("%d due: %+v, %v", n, res, err)
		}
	}
	s := newStock(3*record.MaxPage, 3*record.MaxPage)
	s.pageLen = 2 * record.MaxPage
	res, err := Run(t.Context(), s, options())
	if record.CodeOf(err) != record.CodeInternal || res.Purged != 0 {
		t.Errorf("unpaged: %+v, %v", res, err)
	}
	if _, err := Survey(t.Context(), s, []string{"us-a"}, today); record.CodeOf(err) != record.CodeInternal {
		t.Errorf("survey: %v", err)
	}
}

func TestASurveyCountsTheIndexInOneReadAPage(t *testing.T) {
	s := newStock(20_000, 2500)
	s.state[0], s.todo[0] = stockGone, true
	list, err := Survey(t.Context(), s, []string{"us-a"}, today)
	if err != nil || len(list) != 1 || list[0].Due != 2499 || list[0].TombstoneMissing != 1 || list[0].Oldest != s.date(1) || s.calls != 3 {
		t.Errorf("%+v, %v, %d calls", list, err, s.calls)
	}
}
