package purge

import (
	"slices"
	"testing"

	"domicile/chaincode/record"
)

// Another run purges one record of a batch and a hold binds a second, after both were read.
func TestARefusalWithSeveralCodesIsTakenApart(t *testing.T) {
	f := newFake()
	list := f.add(5, 100, "2020-01-01")
	gone, held := list[1], list[3]
	f.hook = func(_ int, name string) {
		if name == "Purge" && !gone.gone {
			gone.body, gone.meta, gone.gone, gone.todo, gone.bodyPurge, gone.allPurge = false, false, true, true, 1, 1
			held.held = true
		}
	}
	res, err := Run(t.Context(), f, options())
	if err != nil || res.Purged != 3 || res.Skipped[record.CodeHeld] != 1 || res.Skipped[record.CodeGone] != 1 || res.Tombstoned != 4 {
		t.Errorf("%+v, %v", res, err)
	}
	f.check(t)
}

func TestARecordThatIsMetAgainIsSettledOnce(t *testing.T) {
	var q queue
	q.add("a", "b")
	q.add("b", "c", "a")
	if got := q.take(record.MaxRecords); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("settles %v", got)
	}
}
