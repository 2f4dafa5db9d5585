package gateway

import (
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

func TestTheLogIsReadToItsEndOneRegisterAfterTheOther(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	w.ledger.with(func() { w.ledger.log = []record.LogEntry{{Tx: "1"}, {Tx: "2"}, {Tx: "3"}, {Tx: "4"}, {Tx: "5"}} })
	read := func(q LogQuery, most int) (got string, failed error) {
		for e, err := range c.Log(w.ctx, q) {
			if err != nil {
				return got, err
			}
			if got += strings.TrimSuffix(strings.TrimPrefix(e.Log, "us-"), "-log") + e.Tx + " "; len(strings.Fields(got)) == most {
				break
			}
		}
		return got, nil
	}
	for _, x := range []struct {
		q    LogQuery
		most int
		want string
	}{
		{LogQuery{}, 99, "a1 a2 a3 a4 a5 ab1 ab2 ab3 ab4 ab5 "},
		{LogQuery{Collection: "us-a2"}, 99, "a1 a2 a3 a4 a5 "},
		{LogQuery{}, 3, "a1 a2 a3 "},
	} {
		if got, err := read(x.q, x.most); err != nil || got != x.want {
			t.Errorf("%+v: %q, %v", x.q, got, err)
		}
	}
	asked := slices.DeleteFunc(slices.Concat(w.a.saw(), w.b.saw()), func(s seen) bool { return s.op != record.OpLog })
	if r := decode[record.LogRequest](asked[0].transient[record.FieldRequest]); r.Version != record.Version || r.Region != "us" {
		t.Errorf("asked for %+v", r)
	}
	w.ledger.with(func() { w.ledger.stuck = true })
	if got, err := read(LogQuery{Collection: "us-a"}, 99); record.CodeOf(err) != record.CodeInternal {
		t.Errorf("pages that do not advance: %q, %v", got, err)
	}
}
