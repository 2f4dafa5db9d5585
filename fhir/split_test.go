package fhir

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// records inspects and splits in, checks what must hold for every input, and
// returns the entries.
func records(t *testing.T, in []byte, opts SplitOptions) (*Summary, []Entry, error) {
	t.Helper()
	sum, err := Inspect(bytes.NewReader(in), opts)
	if err != nil {
		return nil, nil, err
	}
	if sum.Bytes != int64(len(in)) || sum.SHA256 != sha256.Sum256(in) {
		t.Fatal("size or digest of the input is wrong")
	}
	var entries []Entry
	kept, skipped, last := 0, 0, -1
	for e, err := range Split(bytes.NewReader(in), sum) {
		if err != nil {
			t.Fatalf("Inspect accepts, Split says %v", err)
		}
		entries = append(entries, e)
		if e.Ordinal <= last {
			t.Fatal("ordinals do not grow")
		}
		last = e.Ordinal
		if e.Skipped != "" {
			skipped++
			continue
		}
		kept++
		if !bytes.Equal(e.Raw, in[e.Offset:int(e.Offset)+len(e.Raw)]) {
			t.Fatal("Raw is not the bytes of the input at Offset")
		}
		if e.Line != 1+bytes.Count(in[:e.Offset], newline) {
			t.Fatal("wrong line")
		}
		if r, err := Parse(e.Raw); err != nil || r.Type != e.Resource.Type || r.ID != e.Resource.ID {
			t.Fatalf("the record does not parse as yielded: %v", err)
		}
	}
	if kept != sum.Records || skipped != sum.Skipped {
		t.Fatalf("%d records and %d skipped, the summary says %d and %d", kept, skipped, sum.Records, sum.Skipped)
	}
	return sum, entries, nil
}

const twoEntries = `[ {"fullUrl":"urn:uuid:1", "resource" :{"resourceType":"Patient","id":"p" } },
 {"resource":{"resourceType":"Basic","subject":{"reference":"urn:uuid:1"}},"request":{"method":"POST"}}]`

func TestSplit(t *testing.T) {
	p, b := `{"resourceType":"Patient","id":"p" }`, `{"resourceType":"Basic","subject":{"reference":"urn:uuid:1"}}`
	bundle := func(typ, entry string) string {
		return `{"resourceType":"Bundle","type":"` + typ + `","entry":` + entry + `}`
	}
	tests := map[string]struct {
		in    string
		opts  SplitOptions
		kind  Kind
		whole bool
		want  []string
	}{
		"one resource comes with its white space": {in: " " + p + "\n", kind: KindResource, whole: true, want: []string{" " + p + "\n"}},
		"a transaction is split":                  {in: bundle("transaction", twoEntries), kind: KindBundle, want: []string{p, b}},
		"a batch is split":                        {in: bundle("batch", twoEntries), kind: KindBundle, want: []string{p, b}},
		"a collection is split":                   {in: bundle("collection", twoEntries), kind: KindBundle, want: []string{p, b}},
		"a searchset is split":                    {in: bundle("searchset", twoEntries), kind: KindBundle, want: []string{p, b}},
		"a history is split":                      {in: bundle("history", twoEntries), kind: KindBundle, want: []string{p, b}},
		"a Bundle whose type comes last is split": {
			in: `{"entry":` + twoEntries + `,"type":"batch","resourceType":"Bundle"}`, kind: KindBundle, want: []string{p, b},
		},
		"a document stays whole":          {in: bundle("document", twoEntries), kind: KindBundle, whole: true, want: []string{bundle("document", twoEntries)}},
		"a message stays whole":           {in: bundle("message", twoEntries), kind: KindBundle, whole: true, want: []string{bundle("message", twoEntries)}},
		"a Bundle of no type stays whole": {in: `{"resourceType":"Bundle","entry":` + twoEntries + `}`, kind: KindBundle, whole: true, want: []string{`{"resourceType":"Bundle","entry":` + twoEntries + `}`}},
		"a transaction stays whole on demand": {
			in: bundle("transaction", twoEntries), opts: SplitOptions{Whole: true}, kind: KindBundle, whole: true, want: []string{bundle("transaction", twoEntries)},
		},
		"entries of another type are no records": {
			in: `{"resourceType":"List","entry":[{"item":{}},{"resource":3}]}`, kind: KindResource, whole: true, want: []string{`{"resourceType":"List","entry":[{"item":{}},{"resource":3}]}`},
		},
		"an empty Bundle has no record":   {in: bundle("batch", `[ ]`), kind: KindBundle},
		"a Bundle without entry has none": {in: `{"resourceType":"Bundle","type":"searchset"}`, kind: KindBundle},
		"brackets and quotes in strings end nothing": {
			in:   bundle("batch", `[{"fullUrl":"\\\"}]","resource":{"resourceType":"Basic","x":"]}\"[{\\"}}]`),
			kind: KindBundle, want: []string{`{"resourceType":"Basic","x":"]}\"[{\\"}`},
		},
		"a Bundle in an entry is a record": {in: bundle("batch", `[{"resource":`+bundle("batch", "[{}]")+`}]`), kind: KindBundle, want: []string{bundle("batch", "[{}]")}},
		"requests without a resource are skipped": {
			in:   bundle("history", `[{"request":{"method":"DELETE"}},{"resource":`+p+`},{}, {"request":{"method":"Jane Doe"}}]`),
			kind: KindBundle, want: []string{"no resource (DELETE)", p, "no resource", "no resource"},
		},
		"lines": {in: p + "\n" + b + "\n", kind: KindNDJSON, want: []string{p, b}},
		"lines with empty ones, carriage returns and no last line feed": {
			in: "\n" + p + " \r\n\r\n  \n\t" + b, kind: KindNDJSON, want: []string{p, b},
		},
		"a Bundle on a line is one record": {in: p + "\n" + bundle("batch", "[{}]"), kind: KindNDJSON, want: []string{p, bundle("batch", "[{}]")}},
		"a Bundle on the first line too":   {in: bundle("batch", "[{}]") + "\n" + p, kind: KindNDJSON, want: []string{bundle("batch", "[{}]"), p}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sum, entries, err := records(t, []byte(tt.in), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range entries {
				got = append(got, e.Skipped+string(e.Raw))
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
			if sum.Kind != tt.kind || sum.Whole != tt.whole {
				t.Errorf("kind %s whole %t", sum.Kind, sum.Whole)
			}
		})
	}
}

func TestInspectRefusals(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	bundle := func(entry string) string { return `{"resourceType":"Bundle","type":"batch","entry":` + entry + `}` }
	tests := map[string]struct {
		in     string
		reason Reason
		at     string
	}{
		"a duplicate key in the last entry": {
			bundle("[{\"resource\":{\"resourceType\":\"Basic\"}},\n{\"resource\":{\"resourceType\":\"Basic\",\"id\":1,\"id\":2}}]"), DuplicateKey, "2:44 entry[1].resource.id",
		},
		"a duplicate key in an entry":           {bundle(`[{"resource":{},"resource":{}}]`), DuplicateKey, "1:65 entry[0].resource"},
		"two entry members":                     {`{"resourceType":"Bundle","entry":[],"type":"batch","entry":[]}`, DuplicateKey, "1:52 entry"},
		"entry and Entry":                       {`{"resourceType":"Bundle","entry":[],"type":"batch","Entry":[]}`, CaseVariantKey, "1:52 Entry"},
		"a resource without resourceType":       {bundle(`[{"resource":{"id":"x"}}]`), NoResourceType, "1:62 entry[0].resource"},
		"a resource that is null":               {bundle(`[{"resource":null}]`), BadBundle, "1:62 entry[0].resource"},
		"an entry that is no object":            {bundle(`[3]`), BadBundle, "1:50 entry[0]"},
		"an entry member that is no array":      {bundle(`{"resource":{"resourceType":"Basic"}}`), BadBundle, "1:49 entry"},
		"a comma after the last entry":          {bundle(`[{},]`), NotJSON, "1:53 entry[1]"},
		"no comma between entries":              {bundle(`[{} {}]`), NotJSON, "1:53 entry[0]"},
		"an unclosed entry":                     {`{"entry":[{"resource":{`, NotJSON, "1:24 entry[0].resource"},
		"an unclosed array of entries":          {`{"entry":[{}`, NotJSON, "1:13 entry[0]"},
		"bad UTF-8 between entries":             {"{\"entry\":[{}\xff]}", InvalidUTF8, "1:13 entry[0]"},
		"a record of 65 levels":                 {bundle(`[{"resource":{"resourceType":"Basic","x":` + deep(64) + `}}]`), TooDeep, "1:153 entry[0].resource.?" + strings.Repeat("[0]", 63)},
		"a whole Bundle of 65 levels":           {`{"resourceType":"Bundle","type":"document","entry":[{"x":` + deep(62) + `}]}`, TooDeep, "1:119 entry[0]"},
		"two documents on one line":             {`{"resourceType":"Basic"}{"resourceType":"Basic"}`, TrailingData, "1:25"},
		"two documents over several lines":      {"{\"resourceType\":\n\"Basic\"}\n{\"resourceType\":\"Basic\"}", TrailingData, "3:1"},
		"a second document over several lines":  {"{\"resourceType\":\"Basic\"}\n{\"resourceType\":\n\"Basic\"}", TrailingData, "2:1"},
		"two documents on the second line":      {"{\"resourceType\":\"Basic\"}\n{\"resourceType\":\"Basic\"} {}", TrailingData, "2:26"},
		"a bad line":                            {"{\"resourceType\":\"Basic\"}\n\n{\"resourceType\":\"Basic\",}", NotJSON, "3:25 resourceType"},
		"a line without resourceType":           {"{\"resourceType\":\"Basic\"}\n{}", NoResourceType, "2:1"},
		"a first line without resourceType":     {"{}\n{\"resourceType\":\"Basic\"}", NoResourceType, "1:1"},
		"a line that is no resource":            {"{\"resourceType\":\"Basic\"}\n7\n", NoResourceType, "2:1"},
		"a first line that is no resource":      {"7\n{\"resourceType\":\"Basic\"}", NoResourceType, "1:1"},
		"nothing at all":                        {"", NotJSON, "1:1"},
		"a line that is larger than the limit":  {"{\"resourceType\":\"Basic\"}\n{\"x\":\"" + strings.Repeat("x", MaxBytes) + "\"}", TooLarge, "2:1"},
		"a resource larger than the limit":      {`{"resourceType":"Basic","x":"` + strings.Repeat("x", MaxBytes) + `"}`, TooLarge, "1:29 ?"},
		"a record larger than the limit":        {bundle(`[{"resource":{"resourceType":"Basic","x":"` + strings.Repeat("x", MaxBytes) + `"}}]`), TooLarge, "1:62 entry[0].resource"},
		"a document larger than the limit":      {`{"resourceType":"Bundle","type":"document","entry":[` + strings.Repeat(`{"x":"`+strings.Repeat("x", 1000)+`"},`, MaxBytes/1000) + `{}]}`, TooLarge, "1:1"},
		"an envelope larger than the limit":     {`{"resourceType":"Bundle","type":"batch"` + strings.Repeat(`,"x":"`+strings.Repeat("x", MaxBytes/2)+`","y":"`+strings.Repeat("x", MaxBytes/2)+`"`, 1) + `}`, TooLarge, "1:8388660 ?"},
		"a resource with blanks over the limit": {strings.Repeat(" ", MaxBytes) + `{"resourceType":"Basic"}`, TooLarge, "1:16777217"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Inspect(strings.NewReader(tt.in), SplitOptions{})
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("got %v, want a SyntaxError", err)
			}
			at := strings.TrimSpace(fmt.Sprintf("%d:%d %s", se.Line, se.Column, se.Path))
			if se.Reason != tt.reason || at != tt.at {
				t.Errorf("got %s at %s, want %s at %s", se.Reason, at, tt.reason, tt.at)
			}
		})
	}
}

func TestARecordInABundleHasItsOwnDepthAndSize(t *testing.T) {
	deep := `{"resourceType":"Basic","x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`
	large := `{"resourceType":"Basic","x":"` + strings.Repeat("x", MaxBytes-31) + `"}`
	if len(large) != MaxBytes {
		t.Fatal(len(large))
	}
	in := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + deep + `},{"resource":` + large + `}]}`
	_, entries, err := records(t, []byte(in), SplitOptions{})
	if err != nil || len(entries) != 2 || string(entries[1].Raw) != large {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	for _, whole := range []string{large, deep} {
		if _, _, err := records(t, []byte(whole), SplitOptions{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := Inspect(strings.NewReader(in), SplitOptions{Whole: true}); err == nil {
		t.Error("kept whole, it is too large and too deep")
	}
}

func TestResolve(t *testing.T) {
	in := `{"resourceType":"Bundle","type":"transaction","entry":[
	{"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p1"}},
	{"fullUrl":"http://a.example/fhir/Patient/p2","resource":{"resourceType":"Patient","id":"p2"}},
	{"fullUrl":"urn:uuid:3","resource":{"resourceType":"Patient"}},
	{"fullUrl":"urn:uuid:4","resource":{"resourceType":"Patient","id":"not an id"}},
	{"fullUrl":"urn:uuid:5","resource":{"resourceType":"Patient","id":"a"}},
	{"fullUrl":"urn:uuid:5","resource":{"resourceType":"Patient","id":"b"}}]}`
	sum, err := Inspect(strings.NewReader(in), SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{
		"urn:uuid:1":                                  "Patient/p1",
		"http://a.example/fhir/Patient/p2":            "Patient/p2",
		"http://a.example/fhir/Patient/p2/_history/3": "Patient/p2",
		"http://b.example/fhir/Patient/p2":            "http://b.example/fhir/Patient/p2",
		"Patient/p9":                                  "Patient/p9",
		"Patient/p9/_history/1":                       "Patient/p9",
		"Patient?identifier=x":                        "Patient?identifier=x",
		"urn:uuid:3":                                  "urn:uuid:3",
		"urn:uuid:4":                                  "urn:uuid:4",
		"urn:uuid:5":                                  "urn:uuid:5",
		"#contained":                                  "",
		"":                                            "",
	} {
		if got := Resolve(sum, ref); got != want {
			t.Errorf("Resolve(%q) = %q, want %q", ref, got, want)
		}
	}
	if got := Resolve(nil, "Patient/1"); got != "Patient/1" {
		t.Errorf("without a summary: %q", got)
	}
}

func TestSplitNoticesAnotherInput(t *testing.T) {
	good := `{"resourceType":"Bundle","type":"batch","entry":` + twoEntries + `}`
	sum, err := Inspect(strings.NewReader(good), SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]string{
		"a changed record":  strings.Replace(good, `"p"`, `"q"`, 1),
		"a missing end":     good[:len(good)-1],
		"more at the end":   good + " ",
		"a second document": good + good,
		"broken JSON":       strings.Replace(good, `"Basic"`, `Basic`, 1),
		"nothing":           "",
	} {
		var last error
		for _, err := range Split(strings.NewReader(in), sum) {
			last = err
		}
		if !errors.Is(last, ErrChanged) {
			t.Errorf("%s: %v", name, last)
		}
	}
	for range Split(strings.NewReader(good), sum) {
		break // a consumer may stop
	}
	for _, err := range Split(strings.NewReader(good), nil) {
		if err == nil {
			t.Error("no error without a summary")
		}
	}
}

func TestAFailingReaderIsReportedAsSuch(t *testing.T) {
	broken := errors.New("disk on fire")
	good := `{"resourceType":"Bundle","type":"batch","entry":` + twoEntries + "}\n"
	sum, err := Inspect(strings.NewReader(good), SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(good) {
		r := func() io.Reader { return io.MultiReader(strings.NewReader(good[:n]), iotest.ErrReader(broken)) }
		if _, err := Inspect(r(), SplitOptions{}); !errors.Is(err, broken) {
			t.Fatalf("Inspect after %d bytes: %v", n, err)
		}
		var last error
		for _, err := range Split(r(), sum) {
			last = err
		}
		if !errors.Is(last, broken) {
			t.Fatalf("Split after %d bytes: %v", n, last)
		}
	}
}

func TestWhatABundleSaysBesideItsResourcesIsKeptApart(t *testing.T) {
	sum, entries, err := records(t, []byte(`{"entry":[{"fullUrl":"urn:x","resource":{"resourceType":"Basic"},"\u0073earch":{"mode":"match"}},{"resource":{"resourceType":"Basic"}}],
		"meta" : {"tag":[1, 2]},"resourceType":"Bundle","type":"batch"}`), SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Shell == nil || string(sum.Shell.Raw) != `{"meta":{"tag":[1, 2]},"resourceType":"Bundle","type":"batch"}` || sum.Shell.Type != "Bundle" {
		t.Errorf("the Bundle says %+v", sum.Shell)
	}
	for i, want := range []string{`{"resourceType":"BundleEntry","fullUrl":"urn:x","\u0073earch":{"mode":"match"}}`, `{"resourceType":"BundleEntry"}`} {
		if got := entries[i].Shell(); got == nil || string(got.Raw) != want {
			t.Errorf("entry %d says %+v", i, got)
		}
	}
	sum, entries, err = records(t, []byte(`{"resourceType":"Bundle","type":"document","entry":[]}`), SplitOptions{})
	if err != nil || sum.Shell != nil || entries[0].Shell() != nil {
		t.Errorf("a whole Bundle has a shell: %+v (%v)", sum, err)
	}
}
