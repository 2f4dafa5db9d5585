package record

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func prints(n int) []Print {
	var out []Print
	for i := range n {
		out = append(out, PrintOf([]byte(strings.Repeat("x", i))))
	}
	return out
}

func TestEvidenceComesBackAsItWasPacked(t *testing.T) {
	for name, e := range map[string]Evidence{
		"prints":                         {Version: Version, Prints: prints(10)},
		"a canary":                       {Version: Version, Prints: prints(2), Canary: &CanaryBytes{[]byte("salt"), []byte(`{"a":"b"}`)}},
		"no prints":                      {Version: Version},
		"as many prints as there may be": {Version: 7, Prints: prints(255)},
	} {
		b, err := packEvidence(e)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := unpackEvidence(b); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: comes back as %+v, %v", name, got, err)
		}
		old, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unpackEvidence(old); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%s: the older form comes back as %+v, %v", name, got, err)
		}
	}
}

func TestPackedEvidenceOfARecordIsSmall(t *testing.T) {
	b, err := packEvidence(Evidence{Version: Version, Prints: prints(KeysPerRecord)})
	if err != nil || len(b) != 3+KeysPerRecord*42 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

func TestEvidenceThatDoesNotFitIsRefused(t *testing.T) {
	good := PrintOf([]byte("x"))
	for name, e := range map[string]Evidence{
		"too many prints": {Prints: prints(256)},
		"a version":       {Version: 256},
		"a length":        {Prints: []Print{{70_000, good.Roll, good.Sum}}},
		"a rolling hash":  {Prints: []Print{{1, "ab", good.Sum}}},
		"a sum":           {Prints: []Print{{1, good.Roll, "xyz"}}},
	} {
		if _, err := packEvidence(e); err == nil {
			t.Errorf("%s: packed", name)
		}
	}
}

func FuzzUnpackEvidence(f *testing.F) {
	for _, e := range []Evidence{{Version: 1, Prints: prints(3)}, {Version: 1, Canary: &CanaryBytes{[]byte("s"), []byte("b")}}} {
		b, _ := packEvidence(e)
		f.Add(b)
		old, _ := json.Marshal(e)
		f.Add(old)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := unpackEvidence(b)
		if err != nil || len(b) < 3 || b[0] != packedEvidence {
			return
		}
		again, err := packEvidence(e)
		if err != nil {
			t.Fatalf("what was unpacked does not pack: %v", err)
		}
		if back, err := unpackEvidence(again); err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%+v comes back as %+v, %v", e, back, err)
		}
	})
}
