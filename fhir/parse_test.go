package fhir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"domicile/internal/cpu"
)

func TestParseRefusals(t *testing.T) {
	nest := func(n int) string { // a resource with n levels
		return `{"resourceType":"Basic","x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`
	}
	tests := map[string]struct {
		in     string
		reason Reason
		at     string // line:column path
	}{
		"nothing":                                  {"", NotJSON, "1:1"},
		"white space only":                         {" \n\t", NotJSON, "2:2"},
		"a second byte order mark":                 {"\ufeff\ufeff{\"resourceType\":\"Patient\"}", NotJSON, "1:4"},
		"half an object":                           {`{"resourceType":"Patient"`, NotJSON, "1:26 resourceType"},
		"a comma too many":                         {"{\"resourceType\":\"Patient\",\n}", NotJSON, "2:1 resourceType"},
		"a comma too many in an array":             {`{"resourceType":"Patient","name":[{},]}`, NotJSON, "1:38 name[1]"},
		"a missing colon":                          {`{"resourceType" "Patient"}`, NotJSON, "1:17 resourceType"},
		"a wrong bracket":                          {`{"name":[{"given":["A"}]}`, NotJSON, "1:23 name[0].given[0]"},
		"a comment":                                {`{"resourceType":"Patient" /*x*/}`, NotJSON, "1:27 resourceType"},
		"single quotes":                            {`{'resourceType':"Patient"}`, NotJSON, "1:2"},
		"a number with a leading zero":             {`{"a":01}`, NotJSON, "1:7 ?"},
		"a number with a naked point":              {`{"a":1.}`, NotJSON, "1:8 ?"},
		"a number with a plus":                     {`{"a":+1}`, NotJSON, "1:6 ?"},
		"a number without digits":                  {`{"a":-}`, NotJSON, "1:7 ?"},
		"an empty exponent":                        {`{"a":1e}`, NotJSON, "1:8 ?"},
		"a misspelt literal":                       {`{"a":trux}`, NotJSON, "1:9 ?"},
		"NaN":                                      {`{"a":NaN}`, NotJSON, "1:6 ?"},
		"a raw line feed in a string":              {"{\"a\":\"x\ny\"}", NotJSON, "1:8 ?"},
		"an unknown escape":                        {`{"a":"\x41"}`, NotJSON, "1:8 ?"},
		"a short unicode escape":                   {`{"a":"\u12g4"}`, NotJSON, "1:11 ?"},
		"a NUL":                                    {"{\"a\":\x00}", NotJSON, "1:6 ?"},
		"a duplicate key":                          {`{"resourceType":"Patient","id":"1","id":"2"}`, DuplicateKey, "1:36 id"},
		"a duplicate key spelt with an escape":     {`{"resourceType":"Patient","id":"1","\u0069d":"2"}`, DuplicateKey, "1:36 ?"},
		"a duplicate key further down":             {`{"resourceType":"Patient","name":[{},{"use":1,"use":2}]}`, DuplicateKey, "1:47 name[1].use"},
		"meta and META":                            {`{"resourceType":"Patient","meta":{},"META":{}}`, CaseVariantKey, "1:37 META"},
		"a long s for an s":                        {`{"resourceType":"Patient","use":1,"u\u017fe":2}`, CaseVariantKey, "1:35 ?"},
		"a Kelvin sign for a k":                    {"{\"resourceType\":\"Patient\",\"link\":1,\"lin\u212a\":2}", CaseVariantKey, "1:36 ?"},
		"an overlong sequence":                     {"{\"a\":\"\xc0\xaf\"}", InvalidUTF8, "1:7 ?"},
		"a surrogate in UTF-8":                     {"{\"a\":\"\xed\xa0\x80\"}", InvalidUTF8, "1:7 ?"},
		"half a character":                         {"{\"a\":\"\xe2\x82\"}", InvalidUTF8, "1:7 ?"},
		"invalid UTF-8 outside a string":           {"{\"a\":\xff}", InvalidUTF8, "1:6 ?"},
		"UTF-16":                                   {"\xff\xfe{\x00", InvalidUTF8, "1:1"},
		"a high surrogate alone":                   {`{"a":"\ud800"}`, LoneSurrogate, "1:7 ?"},
		"a high surrogate and a letter":            {`{"a":"\ud800\u0041"}`, LoneSurrogate, "1:7 ?"},
		"a low surrogate alone":                    {`{"a":"xy\uDFFF"}`, LoneSurrogate, "1:9 ?"},
		"a lone surrogate in a key":                {`{"\udc00":1}`, LoneSurrogate, "1:3"},
		"one level too many":                       {nest(MaxDepth + 1), TooDeep, "1:92 ?" + strings.Repeat("[0]", MaxDepth-1)},
		"no resourceType":                          {`{"id":"1"}`, NoResourceType, "1:1"},
		"a resourceType deeper only":               {`{"contained":[{"resourceType":"Patient"}]}`, NoResourceType, "1:1"},
		"a resourceType in other case":             {`{"ResourceType":"Patient"}`, NoResourceType, "1:1"},
		"a resourceType that is no string":         {`{"resourceType":["Patient"]}`, NoResourceType, "1:1"},
		"a resourceType that is no name":           {`{"resourceType":"Patient "}`, NoResourceType, "1:1"},
		"a resourceType beginning in lower case":   {`{"resourceType":"patient"}`, NoResourceType, "1:1"},
		"a resourceType of 65 letters":             {`{"resourceType":"` + strings.Repeat("A", 65) + `"}`, NoResourceType, "1:1"},
		"an array":                                 {`[{"resourceType":"Patient"}]`, NoResourceType, "1:1"},
		"a string":                                 {`"Patient"`, NoResourceType, "1:1"},
		"two documents":                            {"{\"resourceType\":\"Patient\"}\n {\"resourceType\":\"Patient\"}", TrailingData, "2:2"},
		"a closing brace too many":                 {`{"resourceType":"Patient"}}`, TrailingData, "1:27"},
		"more than the greatest size":              {`{"resourceType":"Patient"}` + strings.Repeat(" ", MaxBytes), TooLarge, "1:1"},
		"a name that may be data stays unreported": {`{"John Smith":{"Jörg":x}}`, NotJSON, "1:24 ?.?"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(tt.in))
			var se *SyntaxError
			if !errors.As(err, &se) {
				t.Fatalf("got error %v, want a SyntaxError", err)
			}
			at := strings.TrimSpace(fmt.Sprintf("%d:%d %s", se.Line, se.Column, se.Path))
			if se.Reason != tt.reason || at != tt.at {
				t.Errorf("got %s at %s, want %s at %s", se.Reason, at, tt.reason, tt.at)
			}
			if len(tt.in) < 200 {
				if _, err := Inspect(strings.NewReader(tt.in), SplitOptions{}); err == nil && tt.reason != TrailingData {
					t.Error("Inspect accepts it")
				} else if r, _ := ReasonOf(err); err != nil && r != tt.reason {
					t.Errorf("Inspect says %s, want %s", r, tt.reason)
				}
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	tests := map[string]string{
		"white space around":          " \r\n\t{\"resourceType\" : \"Patient\"}\n",
		"an escaped name and value":   `{"resource\u0054ype":"\u0050atient"}`,
		"a surrogate pair":            `{"resourceType":"Patient","a":"\ud83d\ude00"}`,
		"all escapes":                 `{"resourceType":"Patient","a":"\"\\\/\b\f\n\r\t\u00e9"}`,
		"all kinds of numbers":        `{"resourceType":"Patient","a":[0,-0,1.50,-1e5,1E+5,1e-400,123456789012345678901]}`,
		"literals and empty values":   `{"resourceType":"Patient","a":[true,false,null,{},[],""]}`,
		"the greatest depth":          `{"resourceType":"Patient","x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
		"equal names in two objects":  `{"resourceType":"Patient","a":{"id":1},"b":{"id":1}}`,
		"an element and its shadow":   `{"resourceType":"Patient","birthDate":null,"_birthDate":{}}`,
		"non-characters of Unicode":   "{\"resourceType\":\"Patient\",\"a\":\"\uffff\U0010ffff\"}",
		"the last type name possible": `{"resourceType":"` + strings.Repeat("Z", 64) + `"}`,
	}
	for name, in := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := Parse([]byte(in))
			if err != nil {
				t.Fatal(err)
			}
			if string(r.Raw) != in {
				t.Error("Raw is not the input")
			}
		})
	}
}

func TestTheErrorNeverShowsContent(t *testing.T) {
	for _, in := range []string{
		`{"resourceType":"Secret-7"}`, `{"Secret 7":1,"Secret 7":2}`, `{"a":Secret7}`, `{"a":"Secret7` + "\n",
	} {
		_, err := Parse([]byte(in))
		if err == nil || strings.Contains(err.Error(), "Secret") {
			t.Errorf("error %v", err)
		}
	}
}

func TestALeadingByteOrderMarkIsKeptAndReadOver(t *testing.T) {
	const in = "\ufeff {\"resourceType\":\"Patient\",\"id\":\"p\",\"identifier\":[{\"value\":\"v\"}]}"
	r, err := Parse([]byte(in))
	if err != nil || string(r.Raw) != in || r.ID != "p" || len(r.Identifiers()) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, reader := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		sum, err := Inspect(reader, SplitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range Split(strings.NewReader(in), sum) {
			if err != nil || string(e.Raw) != in || e.Resource.ID != "p" {
				t.Errorf("%+v, %v", e, err)
			}
		}
	}
}

func TestViews(t *testing.T) {
	const in = `{"resourceType":"Observation","id":"o\u0031","x":"]}\\\"",
	 "meta" : { "profile":["p"], "security" : [ {"system":"s1","code":"R"}, {"code":"ETH\u0055D"}, null, "R", {} ] },
	 "subject":{"reference":"Patient/1"},
	 "patient":[{"reference":"urn:uuid:2"},{"display":"none"}],
	 "beneficiary":{"reference":"#c"},
	 "identifier":[{"system":"a","value":"b"}]}`
	r, err := Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if r.Type != "Observation" || r.ID != "o1" {
		t.Errorf("type %q id %q", r.Type, r.ID)
	}
	if got, want := r.Security(), []Coding{{"s1", "R"}, {"", "ETHUD"}, {}, {}, {}}; !reflect.DeepEqual(got, want) {
		t.Errorf("Security = %v, want %v", got, want)
	}
	if got, want := r.Subjects(), []string{"Patient/1", "urn:uuid:2", "#c"}; !reflect.DeepEqual(got, want) {
		t.Errorf("Subjects = %v, want %v", got, want)
	}
	if got := r.Identifiers(); got != nil {
		t.Errorf("Identifiers of an Observation = %v", got)
	}

	if got := r.SubjectIdentifiers(); got != nil {
		t.Errorf("SubjectIdentifiers without one = %v", got)
	}

	r, err = Parse([]byte(`{"identifier":[{"system":"a","value":"b"},{"system":"c"},{"value":"d"}],"subject":{"reference":"x"},"resourceType":"Patient"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.Identifiers(), []Identifier{{"a", "b"}, {"", "d"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("Identifiers = %v, want %v", got, want)
	}
	if r.Subjects() != nil || r.Security() != nil {
		t.Error("a Patient has no subjects, this one no labels")
	}
}

func TestAResourceIsAboutWhomItNamesByIdentifierOrContains(t *testing.T) {
	r, err := Parse([]byte(`{"resourceType":"Observation",
	 "contained":[{"resourceType":"Patient","id":"p","identifier":[{"system":"mrn","value":"1"}]},
	  {"resourceType":"Patient","id":"other","identifier":[{"system":"mrn","value":"2"}]},
	  {"resourceType":"Device","id":"p","identifier":[{"system":"serial","value":"3"}]}],
	 "subject":{"reference":"#p","identifier":{"system":"id","value":"4"}},
	 "patient":[{"identifier":{"value":"5"}},{"identifier":{"system":"empty"}},{"identifier":null}],
	 "performer":[{"identifier":{"system":"staff","value":"6"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := r.SubjectIdentifiers(), []Identifier{{"id", "4"}, {"", "5"}, {"mrn", "1"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("SubjectIdentifiers = %v, want %v", got, want)
	}
}

func TestLabelsInTheWrongShapeAreNotTakenForNone(t *testing.T) {
	for in, want := range map[string]int{
		`{"security":[]}`: 0, `null`: 0, `{"security":null}`: 0, `{"Security":[{"code":"U"}]}`: 0,
		`[{"security":[{"code":"R"}]}]`: 1, `"R"`: 1, `{"security":"R"}`: 1, `{"security":{"code":"R"}}`: 1,
		`{"security":[[{"code":"R"}]]}`: 1,
	} {
		r, err := Parse([]byte(`{"resourceType":"Basic","meta":` + in + `}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := len(r.Security()); got != want {
			t.Errorf("meta %s: %d labels, want %d", in, got, want)
		}
	}
}

// hostile are inputs made to cost time or memory.
func hostile() map[string][]byte {
	var keys, labels, objects strings.Builder
	for i := range 1_000_000 / scale {
		fmt.Fprintf(&keys, `,"k%d":0`, i)
	}
	for range 400_000 / scale {
		labels.WriteString(`,{"system":"s","code":"R"}`)
	}
	wide := strings.Builder{}
	for i := range manyKeys + 8 {
		fmt.Fprintf(&wide, `,"k%d":0`, i)
	}
	for range 20_000 / scale {
		objects.WriteString(`,{"a":0` + wide.String() + `}`)
	}
	return map[string][]byte{
		"a million names in an object": []byte(`{"resourceType":"Basic"` + keys.String() + `}`),
		"400,000 labels":               []byte(`{"resourceType":"Basic","meta":{"security":[{}` + labels.String() + `]}}`),
		"many wide objects after one":  []byte(`{"resourceType":"Basic","x":[0` + objects.String() + `]}`),
		"a huge narrative":             []byte(`{"resourceType":"Basic","text":{"div":"` + strings.Repeat("é<b>x</b>", 1_500_000/scale) + `"}}`),
		"a huge escaped name":          []byte(`{"resourceType":"Basic","` + strings.Repeat(`\u0041`, 2_000_000/scale) + `":1}`),
		"sixteen million brackets":     []byte(`{"resourceType":"Basic","x":` + strings.Repeat("[", MaxBytes/scale-100)),
	}
}

func TestHostileInputsCostLinearTime(t *testing.T) {
	for name, in := range hostile() {
		t.Run(name, func(t *testing.T) {
			began := cpu.Time()
			r, err := Parse(in)
			if err == nil {
				r.Security()
				r.Subjects()
				r.SubjectIdentifiers()
				r.EndDate()
			} else if reason, _ := ReasonOf(err); reason != TooDeep {
				t.Fatal(err)
			}
			if _, ierr := Inspect(bytes.NewReader(in), SplitOptions{}); (ierr == nil) != (err == nil) {
				t.Fatalf("Parse says %v, Inspect %v", err, ierr)
			}
			// Seconds where quadratic time would be hours, on any machine.
			if took := cpu.Time() - began; took > 20*time.Second {
				t.Errorf("took %v for %d bytes", took, len(in))
			} else {
				t.Logf("%v for %d bytes", took, len(in))
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"resourceType":"Patient","id":"1"}`, `{"resource\u0054ype":"Patient","a":[1,2.0e5,{"b":null}]}`,
		`{"a":"\ud83d\ude00","resourceType":"X"}`, `{"resourceType":"Observation","effectivePeriod":{"end":"2019"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b)
		if err != nil {
			if _, ok := ReasonOf(err); !ok {
				t.Fatalf("no reason in %v", err)
			}
			return
		}
		b = bytes.TrimPrefix(b, bom)
		if !json.Valid(b) {
			t.Fatal("accepted what encoding/json refuses")
		}
		var second struct {
			ResourceType string `json:"resourceType"`
			ID           any    `json:"id"`
		}
		if err := json.Unmarshal(b, &second); err != nil || second.ResourceType != r.Type {
			t.Fatalf("resourceType %q, a second decoder reads %q (%v)", r.Type, second.ResourceType, err)
		}
		r.Security()
		r.Subjects()
		r.Identifiers()
		r.EndDate()
	})
}

func BenchmarkParse(b *testing.B) {
	in := sample4K()
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSONValid(b *testing.B) {
	in := sample4K()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if !json.Valid(in) {
			b.Fatal("invalid")
		}
	}
}

// sample4K is an Observation of 4 KB with a narrative and components.
func sample4K() []byte {
	component := `{"code":{"coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic blood pressure"}],"text":"Systolic blood pressure"},"valueQuantity":{"value":107.50,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`
	return []byte(`{"resourceType":"Observation","id":"blood-pressure","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"text":{"status":"generated","div":"<div>` +
		strings.Repeat("blood pressure &lt; 120 \\\"mmHg\\\" ", 16) + `</div>"},"status":"final","subject":{"reference":"Patient/1"},"effectiveDateTime":"2012-09-17","component":[` +
		strings.TrimSuffix(strings.Repeat(component+",", 12), ",") + `]}`)
}
