package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"domicile/chaincode/record"
	"domicile/fhir"
)

// bundle is a collection of n Observations about one patient; every seventh is
// labelled so that it is routed to the segregated collection.
func bundle(n int) string {
	var b strings.Builder
	b.WriteString(`{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:mrn","value":"77"}]}}`)
	for i := range n {
		label := ""
		if i%7 == 3 {
			label = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"ETH"}]},`
		}
		fmt.Fprintf(&b, `,{"fullUrl":"urn:uuid:o%d","resource":{"resourceType":"Observation","id":"o%d",%s"effectiveDateTime":"1999-01-01","subject":{"reference":"urn:uuid:p"}}}`, i, i, label)
	}
	b.WriteString(`]}`)
	return b.String()
}

type result struct {
	Receipt
	err error
}

func runImport(t testing.TB, ctx context.Context, c *Client, in string, o ImportOptions) []result {
	t.Helper()
	var out []result
	for r, err := range c.Import(ctx, strings.NewReader(in), o) {
		out = append(out, result{r, err})
	}
	return out
}

func noErrors(t testing.TB, rs []result) {
	t.Helper()
	for _, r := range rs {
		if r.err != nil {
			t.Fatalf("record %d: %v", r.Ordinal, r.err)
		}
	}
}

func TestAnImportPutsEveryRecordInOrderAndAnchorsAll(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	var last ImportProgress
	rs := runImport(t, w.ctx, c, bundle(100), ImportOptions{Progress: func(p ImportProgress) { last = p }})
	noErrors(t, rs)
	if len(rs) != 101 || last.Done != 101 || last.Total != 101 {
		t.Fatalf("%d receipts, progress %+v", len(rs), last)
	}
	where := map[string]int{}
	for i, r := range rs {
		if r.Ordinal != i || r.Block == 0 || r.TxID == "" || r.Already || r.Gone {
			t.Fatalf("receipt %d: %+v", i, r)
		}
		where[r.Collection]++
		ref := record.Ref{Collection: r.Collection, ID: r.ID}
		w.ledger.with(func() {
			if x := w.ledger.records[ref]; x == nil || x.state.Hash != r.Hash {
				t.Errorf("record %d: hash differs from the ledger's", i)
			}
			if w.ledger.anchors[ref].Hash != r.Hash {
				t.Errorf("record %d is not anchored", i)
			}
		})
	}
	if where["us-a"] == 0 || where["us-a2"] == 0 {
		t.Errorf("routing: %v", where)
	}
	if len(rs[1].Warnings) != 1 || len(rs[0].Warnings) != 0 {
		t.Errorf("warnings: %v and %v", rs[0].Warnings, rs[1].Warnings)
	}
	for _, s := range slices.Concat(w.a.saw(), w.b.saw()) {
		if s.op != record.OpPut {
			continue
		}
		req := decode[record.PutRequest](s.transient[record.FieldRequest])
		if len(req.Records) > record.BatchRecords {
			t.Errorf("%d records in one transaction", len(req.Records))
		}
	}
}

func TestRunningAnImportAgainPutsNothingTwice(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	first := runImport(t, w.ctx, c, bundle(30), ImportOptions{})
	noErrors(t, first)
	puts := w.a.count(func(s seen) bool { return s.method == "Endorse" })
	gone := record.Ref{Collection: first[5].Collection, ID: first[5].ID}
	w.ledger.with(func() { delete(w.ledger.records, gone); w.ledger.gone[gone] = true })
	second := runImport(t, w.ctx, c, bundle(30), ImportOptions{})
	noErrors(t, second)
	for i, r := range second {
		if i == 5 {
			if !r.Gone || r.Already || len(r.Warnings) == 0 {
				t.Errorf("purged record: %+v", r)
			}
			continue
		}
		f := first[i]
		if !r.Already || r.ID != f.ID || r.TxID != f.TxID || r.Block != f.Block || r.Hash != f.Hash {
			t.Errorf("record %d: %+v, first %+v", i, r, f)
		}
	}
	if n := w.a.count(func(s seen) bool { return s.method == "Endorse" }); n != puts {
		t.Errorf("%d more transactions", n-puts)
	}
}

func TestAnImportStoppedAnywhereIsFinishedByTheNextRun(t *testing.T) {
	for _, stop := range []int{0, 1, 9, 10, 11, 25} {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			w := newWorld(t)
			c := w.open()
			n := 0
			for _, err := range c.Import(w.ctx, strings.NewReader(bundle(30)), ImportOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				if n++; n > stop {
					break
				}
			}
			rs := runImport(t, w.ctx, c, bundle(30), ImportOptions{})
			noErrors(t, rs)
			w.ledger.with(func() {
				if len(w.ledger.records) != 31 || len(w.ledger.anchors) != 31 {
					t.Errorf("%d records, %d anchors, want 31", len(w.ledger.records), len(w.ledger.anchors))
				}
			})
		})
	}
}

func TestTheSameNameForOtherBytesIsRefusedRecordByRecord(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	noErrors(t, runImport(t, w.ctx, c, bundle(3), ImportOptions{Name: "n"}))
	in := strings.Replace(bundle(3), `"id":"o1"`, `"id":"oX"`, 1)
	rs := runImport(t, w.ctx, c, in, ImportOptions{Name: "n"})
	for i, r := range rs {
		if got := errors.Is(r.err, ErrIDReused); got != (i == 2) {
			t.Errorf("record %d: %v", i, r.err)
		}
	}
}

func TestARefusedRecordDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	in := strings.Replace(bundle(12), `"id":"o4"`, `"id":"REFUSE-ME"`, 1)
	rs := runImport(t, w.ctx, c, in, ImportOptions{})
	if len(rs) != 13 {
		t.Fatalf("%d receipts", len(rs))
	}
	for i, r := range rs {
		if got := errors.Is(r.err, ErrBadResource); got != (i == 5) || (i == 5) != (r.err != nil) {
			t.Errorf("record %d: %v", i, r.err)
		}
	}
}

func TestAnInputThatBreaksARuleIsRefusedBeforeAnythingIsSent(t *testing.T) {
	cases := map[string]string{
		"not JSON":         `{"resourceType":"Patient"`,
		"a duplicate key":  `{"resourceType":"Patient","id":"SECRET","id":"b"}`,
		"a bad late entry": strings.TrimSuffix(bundle(50), "]}") + `,{"resource":{"resourceType":"X","a":1,"A":2}}]}`,
		"two documents":    `{"resourceType":"Patient"} {"resourceType":"Patient"}`,
	}
	for name, in := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			rs := runImport(t, w.ctx, w.open(), in, ImportOptions{})
			if len(rs) != 1 || !errors.Is(rs[0].err, ErrInput) || strings.Contains(rs[0].err.Error(), "SECRET") {
				t.Fatalf("got %+v", rs)
			}
			for _, p := range w.peers() {
				if len(p.saw()) > 0 {
					t.Errorf("%s was asked", p.Name)
				}
			}
		})
	}
}

func TestAnUnreachableHolderEndsTheImportWithOneError(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	if _, err := c.cachedPrivate(w.ctx, "us-a-log"); err != nil {
		t.Fatal(err)
	}
	w.a.onFail(func(seen) error { return errDown })
	w.b.onFail(func(seen) error { return errDown })
	rs := runImport(t, w.ctx, c, bundle(60), ImportOptions{})
	if len(rs) != 1 || !errors.Is(rs[0].err, ErrUnavailable) {
		t.Fatalf("got %+v", rs)
	}
}

func TestConflictsAndLostAnswersDuringAnImportMakeNoDoubles(t *testing.T) {
	w := newWorld(t)
	w.ledger.conflicts = 5
	var n atomic.Int64
	w.a.onAfter(func(s seen) error {
		if s.method == "Submit" && n.Add(1)%3 == 0 {
			return errDown
		}
		return nil
	})
	rs := runImport(t, w.ctx, w.open(WithInFlight(1)), bundle(40), ImportOptions{})
	noErrors(t, rs)
	w.ledger.with(func() {
		if len(w.ledger.records) != 41 || len(w.ledger.anchors) != 41 {
			t.Errorf("%d records, %d anchors", len(w.ledger.records), len(w.ledger.anchors))
		}
	})
}

func TestACanceledImportSaysSo(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	ctx, cancel := context.WithCancel(w.ctx)
	var last error
	n := 0
	for _, err := range c.Import(ctx, strings.NewReader(bundle(300)), ImportOptions{}) {
		if n++; n == 20 {
			cancel()
		}
		last = err
	}
	cancel()
	if !errors.Is(last, context.Canceled) {
		t.Fatalf("after %d receipts: %v", n, last)
	}
}

func TestALargeRecordTravelsAlone(t *testing.T) {
	w := newWorld(t)
	big := `{"resourceType":"Binary","data":"` + strings.Repeat("A", record.BatchBytes+1) + `"}`
	small := `{"resourceType":"Basic","id":"x"}`
	in := strings.Join([]string{small, big, small, big, small}, "\n")
	noErrors(t, runImport(t, w.ctx, w.open(), in, ImportOptions{}))
	for _, s := range w.a.saw() {
		if s.op != record.OpPut {
			continue
		}
		req := decode[record.PutRequest](s.transient[record.FieldRequest])
		for i := range req.Records {
			if len(s.transient[record.BodyField(i)]) > record.BatchBytes && len(req.Records) > 1 {
				t.Errorf("a large record travelled with %d others", len(req.Records)-1)
			}
		}
	}
}

func TestADisclosedCopyHasAnIdOfItsOwnAndNamesItsCustody(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	in := `{"resourceType":"Basic","id":"x"}`
	own := runImport(t, w.ctx, c, in, ImportOptions{NoAnchor: true})
	copied := runImport(t, w.ctx, c, in, ImportOptions{NoAnchor: true, Collection: "us-ab"})
	noErrors(t, slices.Concat(own, copied))
	if own[0].ID == copied[0].ID || copied[0].Collection != "us-ab" {
		t.Fatalf("%+v %+v", own[0], copied[0])
	}
	puts := 0
	for _, s := range w.a.saw() {
		if s.op == record.OpPut && s.method == "Endorse" {
			puts++
			req := decode[record.PutRequest](s.transient[record.FieldRequest])
			want := map[string]string{"us-a": record.Custodial, "us-ab": record.Disclosed}[req.Collection]
			if req.Records[0].Custody != want {
				t.Errorf("%s: custody %s", req.Collection, req.Records[0].Custody)
			}
		}
	}
	if puts != 2 || len(w.ledger.anchors) > 0 {
		t.Errorf("%d puts, %d anchors", puts, len(w.ledger.anchors))
	}
}

func TestTheIndexTokensFollowThePatientThroughTheBundle(t *testing.T) {
	w := newWorld(t)
	noErrors(t, runImport(t, w.ctx, w.open(), bundle(2), ImportOptions{}))
	key := make([]byte, record.IndexKeyLen)
	who := record.SubjectToken(key, "Patient/p1")
	mrn := record.IdentifierToken(key, "urn:mrn", "77")
	for _, s := range w.a.saw() {
		if s.op != record.OpPut || s.method != "Endorse" {
			continue
		}
		for i, r := range decode[record.PutRequest](s.transient[record.FieldRequest]).Records {
			if !slices.Contains(r.Subjects, who) {
				t.Errorf("record %d is not listed under the patient", i)
			}
			if slices.Contains(r.Subjects, mrn) != (i == 0) {
				t.Errorf("record %d: identifier token", i)
			}
			if r.Resource == "" {
				t.Errorf("record %d has no resource token", i)
			}
		}
	}
}

func TestABundleKeptWholeIsAboutAllOfItsPeople(t *testing.T) {
	key := make([]byte, record.IndexKeyLen)
	r, err := fhir.Parse([]byte(bundle(3)))
	if err != nil {
		t.Fatal(err)
	}
	got := subjectTokens(key, nil, r, "")
	for _, want := range []string{record.SubjectToken(key, "Patient/p1"), record.IdentifierToken(key, "urn:mrn", "77")} {
		if !slices.Contains(got, want) {
			t.Errorf("missing a token in %v", got)
		}
	}
}

func TestARecordIsAboutThePersonWhoseIdentifierItNames(t *testing.T) {
	key := make([]byte, record.IndexKeyLen)
	mrn := record.IdentifierToken(key, "urn:mrn", "77")
	for name, text := range map[string]string{
		"in a logical reference": `{"resourceType":"Observation","subject":{"identifier":{"system":"urn:mrn","value":"77"}}}`,
		"of a contained Patient": `{"resourceType":"Observation","contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"urn:mrn","value":"77"}]}],"subject":{"reference":"#p"}}`,
	} {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := subjectTokens(key, nil, r, ""); !slices.Equal(got, []string{mrn}) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// seekCounter fails a test that reads the input into memory at once.
type seekCounter struct {
	*bytes.Reader
	max int
}

func (s *seekCounter) Read(p []byte) (int, error) {
	s.max = max(s.max, len(p))
	return s.Reader.Read(p)
}

func TestTheInputIsReadInPieces(t *testing.T) {
	w := newWorld(t)
	in := &seekCounter{Reader: bytes.NewReader([]byte(bundle(600)))}
	n := 0
	for _, err := range w.open().Import(w.ctx, io.ReadSeeker(in), ImportOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 601 || in.max > 128<<10 {
		t.Errorf("%d records, reads of up to %d bytes", n, in.max)
	}
}
