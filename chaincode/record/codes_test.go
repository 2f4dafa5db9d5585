package record_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

func TestEvery_code_is_explained_once_and_survives_the_way_to_the_client(t *testing.T) {
	seen := map[record.Code]bool{}
	for _, info := range record.Codes() {
		if seen[info.Code] || info.Means == "" || info.Fix == "" || (info.Origin != "contract" && info.Origin != "client") {
			t.Errorf("%s is there twice or not explained", info.Code)
		}
		seen[info.Code] = true
		e := record.Fail(info.Code, "abc def")
		for _, text := range []string{
			e.Error(),
			"chaincode response 500, " + e.Error(),
			"rpc error: code = Aborted desc = failed to endorse transaction, see attached details for more info: " + e.Error(),
		} {
			got, ok := record.ParseError(text)
			if !ok || *got != *e {
				t.Errorf("%q comes back as %v", text, got)
			}
		}
	}
	if _, ok := record.Explain("NO_SUCH_CODE"); ok {
		t.Error("an unknown code is explained")
	}
}

func TestParseError_takes_known_codes_only(t *testing.T) {
	for _, text := range []string{"", "GONE", "GONE:x", "gone: x", "SOMETHING: x", "EGONE"} {
		if e, ok := record.ParseError(text); ok {
			t.Errorf("%q is %v", text, e)
		}
	}
	if e, ok := record.ParseError("TLS_ERROR: HELD: abc"); !ok || e.Code != record.CodeHeld {
		t.Errorf("the known code behind an unknown one is %v", e)
	}
}

func TestErrors_compare_by_code(t *testing.T) {
	err := fmt.Errorf("while purging: %w", record.Fail(record.CodeHeld, "abc"))
	if !errors.Is(err, &record.Error{Code: record.CodeHeld}) || errors.Is(err, &record.Error{Code: record.CodeGone}) {
		t.Error("errors.Is does not go by the code")
	}
	if errors.Is(err, &record.Error{Code: record.CodeHeld, Detail: "xyz"}) {
		t.Error("another detail is the same error")
	}
	if record.CodeOf(err) != record.CodeHeld || record.CodeOf(errors.New("x")) != "" || record.CodeOf(nil) != "" {
		t.Error("CodeOf is wrong")
	}
}

func FuzzParseError(f *testing.F) {
	f.Add("chaincode response 500, GONE: abc")
	f.Add(strings.Repeat("A_", 1000) + ": ")
	f.Fuzz(func(t *testing.T, text string) {
		e, ok := record.ParseError(text)
		if !ok {
			return
		}
		if _, known := record.Explain(e.Code); !known || !strings.Contains(text, string(e.Code)+": ") {
			t.Errorf("%q gives %v", text, e)
		}
	})
}
