package purgetest_test

import (
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/purge"
	"domicile/purge/purgetest"
)

const (
	today = "2026-06-01"
	past  = "2001-01-31" // long due under the demo policy
	young = "2025-12-31" // not due for years
)

func loaded(t *testing.T, o chaincodetest.Options, stored, due int) *purgetest.Ledger {
	t.Helper()
	o.Lean = true
	l, err := purgetest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for end, n := range map[string]int{young: stored - due, past: due} {
		if err := l.Load(t.Context(), n, end); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// cycle is one plan and one run, as a scheduler makes them.
func cycle(t *testing.T, l *purgetest.Ledger, due int) chaincodetest.Counts {
	t.Helper()
	before := l.Counts()
	p, err := purge.MakePlan(t.Context(), l, purge.PlanOptions{Collections: []string{purgetest.Collection}, Before: today})
	if err != nil || p.Totals.DueNow != due {
		t.Fatalf("plan: %+v, %v", p.Totals, err)
	}
	r, err := purge.Run(t.Context(), l, purge.Options{Collections: []string{purgetest.Collection}, Before: today})
	if err != nil || r.Purged != due || r.Tombstoned != due || r.Left != 0 {
		t.Fatalf("run: %+v, %v", r, err)
	}
	return l.Counts().Minus(before)
}

func TestACycleOnTheContractAsksTheLedgerForWhatIsDueAndNotForWhatIsStored(t *testing.T) {
	const due = 200
	small := cycle(t, loaded(t, chaincodetest.Options{}, 400, due), due)
	large := cycle(t, loaded(t, chaincodetest.Options{}, 8000, due), due)
	t.Logf("%d due: of 400 %+v, of 8,000 %+v", due, small, large)
	for name, c := range map[string][2]int{
		"simulations": {large.Simulations, small.Simulations}, "reads": {large.Reads, small.Reads},
		"ranges": {large.Ranges, small.Ranges}, "entries": {large.Entries, small.Entries}, "writes": {large.Writes, small.Writes},
	} {
		if float64(c[0]) > 1.2*float64(c[1]) {
			t.Errorf("%s: %d, against %d with a twentieth stored", name, c[0], c[1])
		}
	}
}

func TestMoreRecordsDueThanAPeerReturnsInOneRangeAreAllPurged(t *testing.T) {
	const limit = record.MaxPage + 1
	l := loaded(t, chaincodetest.Options{QueryLimit: limit}, 2*limit+3, 2*limit+3)
	cycle(t, l, 2*limit+3)
}

func TestARangeThatThePeerCutIsAnError(t *testing.T) {
	l := loaded(t, chaincodetest.Options{QueryLimit: 50}, 60, 60)
	r, err := purge.Run(t.Context(), l, purge.Options{Collections: []string{purgetest.Collection}, Before: today})
	if record.CodeOf(err) != record.CodeInternal || r.Purged != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
