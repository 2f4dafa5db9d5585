package collections

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples are all valid policies of the tests.
func samples(t *testing.T) map[string]*Policy {
	return map[string]*Policy{"demo": Demo(), "small": Small(), "base": parse(t, base)}
}

func TestThePublicJSONSurvivesParsingByteForByte(t *testing.T) {
	for name, p := range samples(t) {
		again, err := ParsePublic(p.Public())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(again.Public(), p.Public()) || again.Digest() != p.Digest() {
			t.Errorf("%s changes", name)
		}
		if d := cmp.Diff(p, again); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestRegionPartsAssembleToTheSamePolicyInAnyOrder(t *testing.T) {
	for name, p := range samples(t) {
		var parts [][]byte
		for _, r := range p.Regions {
			parts = append(parts, p.RegionJSON(r.Name))
			one, err := ParseRegion(p.RegionJSON(r.Name))
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			if d := cmp.Diff(&r, one); d != "" {
				t.Errorf("%s: %s", r.Name, d)
			}
		}
		slices.Reverse(parts)
		whole, err := Assemble(parts...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(whole.Public(), p.Public()) {
			t.Errorf("%s changes", name)
		}
	}
}

func TestTheOrderOfAFileDoesNotChangeThePublicJSON(t *testing.T) {
	other := mustEdit(t, base, "[UsHospital, UsPayer]\n    coll", "[UsPayer, UsHospital]\n    coll")
	other = mustEdit(t, other, "[writer, officer]", "[officer, writer]")
	other = mustEdit(t, other, "            - {code: A}\n", "")
	other = mustEdit(t, other, "          labels:\n", "          labels:\n            - {code: A}\n")
	if parse(t, other).Digest() != parse(t, base).Digest() {
		t.Error("the digest depends on the order of lists in the file")
	}
}

func TestOnlyTheCanonicalFormIsPublic(t *testing.T) {
	good := string(parse(t, base).Public())
	for name, c := range map[string]struct{ bad, want string }{
		"a space":              {" " + good, "canonical"},
		"a newline at the end": {good + "\n", "canonical"},
		"a second document":    {good + good, "goes on after"},
		"an unknown field":     {mustEdit(t, good, `{"version":1`, `{"owner":"me","version":1`), "unknown field"},
		"a repeated field":     {mustEdit(t, good, `{"version":1`, `{"version":1,"version":1`), "canonical"},
		"a field in capitals":  {mustEdit(t, good, `"version"`, `"Version"`), "canonical"},
		"another order":        {mustEdit(t, good, `"name":"base","regions"`, `"name":"base","regions"`) + " ", "canonical"},
		"an unneeded escape":   {mustEdit(t, good, `"base"`, `"b\u0061se"`), "canonical"},
		"unsorted members":     {mustEdit(t, good, `["UsHospital","UsPayer"]`, `["UsPayer","UsHospital"]`), "canonical"},
		"an empty list":        {mustEdit(t, good, `"jurisdictions":["EU"]`, `"jurisdictions":[]`), "is missing"},
		"a newer version":      {mustEdit(t, good, `"version":1`, `"version":2`), "knows version 1 only"},
		"a broken rule":        {mustEdit(t, good, `"requiredPeerCount":1`, `"requiredPeerCount":0`), "at least 1"},
		"nothing":              {"", "not the JSON of a policy"},
		"null":                 {"null", "is missing"},
		"a megabyte":           {strings.Repeat(" ", MaxSize) + good, "larger than 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePublic([]byte(c.bad))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
			if c.want == "canonical" && !errors.Is(err, ErrNotCanonical) {
				t.Errorf("not ErrNotCanonical: %v", err)
			}
		})
	}
}

func TestPartsOfTwoPoliciesDoNotAssemble(t *testing.T) {
	if _, err := Assemble(Demo().RegionJSON("us"), Small().RegionJSON("eu")); err == nil {
		t.Error("assembled")
	}
	if _, err := Assemble(Demo().RegionJSON("us")); err == nil {
		t.Error("assembled from one region")
	}
	if _, err := Assemble(Demo().RegionJSON("us"), Demo().RegionJSON("us")); err == nil {
		t.Error("assembled from one region twice")
	}
}

func TestARegionPartIsReadStrictly(t *testing.T) {
	good := string(Demo().RegionJSON("us"))
	for _, bad := range []string{
		"", "{}", good + " ", mustEdit(t, good, `"version":1`, `"version":2`),
		mustEdit(t, good, `"policy":"demo"`, `"policy":""`), mustEdit(t, good, `"log":"us-a-log"`, `"log":"us-b-log"`),
	} {
		if _, err := ParseRegion([]byte(bad)); err == nil {
			t.Errorf("accepted: %.60s", bad)
		}
	}
}
