package record_test

import (
	"bytes"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

func TestA_new_id_is_well_formed_and_never_the_same(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := record.NewID()
		if err := record.CheckID(id); err != nil || len(id) != record.IDLen || seen[id] {
			t.Fatalf("id %q: %v, seen %v", id, err, seen[id])
		}
		seen[id] = true
	}
}

func TestCheckID_refuses(t *testing.T) {
	good := record.NewID()[:25] + "a"
	if record.CheckID(good) != nil {
		t.Fatalf("%q is refused", good)
	}
	for name, id := range map[string]string{
		"nothing":                            "",
		"a shorter one":                      good[:25],
		"a longer one":                       good + "a",
		"upper case":                         strings.ToUpper(good[:25]) + "A",
		"a character outside the alphabet":   good[:25] + "1",
		"a slash":                            good[:24] + "/a",
		"a line break":                       good[:25] + "\n",
		"a line break within":                good[:10] + "\n" + good[10:],
		"two spellings of the same 16 bytes": good[:25] + "b",
	} {
		if record.CheckID(id) == nil {
			t.Errorf("CheckID takes %s: %q", name, id)
		}
	}
}

func TestImportID_finds_itself_again_and_nothing_else(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	id := record.ImportID(key, "import", 7, 0)
	if record.CheckID(id) != nil || id != record.ImportID(key, "import", 7, 0) {
		t.Fatalf("id %q is not stable or not well formed", id)
	}
	for name, x := range map[string]string{
		"another key":     record.ImportID(other, "import", 7, 0),
		"another import":  record.ImportID(key, "import2", 7, 0),
		"another ordinal": record.ImportID(key, "import", 8, 0),
		"another attempt": record.ImportID(key, "import", 7, 1),
		"swapped numbers": record.ImportID(key, "import", 0, 7),
	} {
		if x == id {
			t.Errorf("%s has the same id", name)
		}
	}
}

func TestTokens_of_different_kinds_and_keys_differ(t *testing.T) {
	key, other := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	all := map[string]string{
		"subject":             record.SubjectToken(key, "Patient/1"),
		"subject, other key":  record.SubjectToken(other, "Patient/1"),
		"resource":            record.ResourceToken(key, "Patient/1"),
		"hold":                record.HoldToken(key, "Patient/1"),
		"identifier":          record.IdentifierToken(key, "Patient/1", ""),
		"identifier, shifted": record.IdentifierToken(key, "Patient/", "1"),
	}
	seen := map[string]string{}
	for name, tok := range all {
		if !record.CheckToken(tok) {
			t.Errorf("%s: %q is no token", name, tok)
		}
		if seen[tok] != "" {
			t.Errorf("%s and %s have one token", name, seen[tok])
		}
		seen[tok] = name
	}
	for _, bad := range []string{"", "Patient/1", strings.Repeat("A", 32), strings.Repeat("a", 31), strings.Repeat("g", 32), strings.Repeat("a", 34)} {
		if record.CheckToken(bad) {
			t.Errorf("CheckToken takes %q", bad)
		}
	}
}

func FuzzCheckID(f *testing.F) {
	f.Add(record.NewID())
	f.Add("")
	f.Add("aaaaaaaaaaaaaaaaaaaaaaaaa=")
	f.Fuzz(func(t *testing.T, id string) {
		if record.CheckID(id) != nil {
			return
		}
		if len(id) != record.IDLen || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("CheckID takes %q", id)
		}
	})
}
