package cli

import (
	"os"
	"path/filepath"
	"testing"

	"domicile/erasure/certificate"
	"domicile/purge/serve"
)

func TestTheNewestWordOnEachPeerIsShown(t *testing.T) {
	dir := t.TempDir()
	write := func(name, searched string, found int, notCovered ...string) string {
		a := certificate.Attestation{Statement: certificate.Statement{Version: 1, Nodes: []certificate.Node{
			{Name: "peer0.UsHospital", Kind: "peer", SearchedAt: searched, Stores: []certificate.Store{{Found: found, NotCovered: notCovered}, {Found: 1}}},
			{Name: "chaincode.UsHospital", Kind: "chaincode", SearchedAt: searched},
		}}}
		b, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer, older := write("new.json", "2026-05-02T00:00:00Z", 3), write("old.json", "2026-05-01T00:00:00Z", 7)
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := evidenceOf(serve.Files{
		Scrubs: []string{filepath.Join(dir, "none")}, Attestations: []string{newer, older, broken, filepath.Join(dir, "none")},
	}, nil)
	if err == nil {
		t.Error("a broken file is no error")
	}
	if len(list) != 1 || list[0].Peer != "peer0.UsHospital" || list[0].Residue != 4 || list[0].Attested.Day() != 2 || !list[0].Scrubbed.IsZero() {
		t.Errorf("%+v", list)
	}
}

func TestASearchThatLeftSomethingOutAttestsNothingAndWhatItFoundIsShown(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	write := func(searched string, stores ...certificate.Store) {
		t.Helper()
		a := certificate.Attestation{Statement: certificate.Statement{Version: 1, Nodes: []certificate.Node{
			{Name: "peer0.UsHospital", Kind: "peer", SearchedAt: searched, Stores: stores},
		}}}
		b, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name    string
		stores  []certificate.Store
		whole   bool
		residue int
	}{
		{"whole", []certificate.Store{{Method: "raw"}}, true, 0},
		{"memory alone was not read", []certificate.Store{{Method: "raw"}, {Method: "memory", NotCovered: []string{"no right"}}}, true, 0},
		{"a file was not read", []certificate.Store{{Method: "raw", Found: 2, NotCovered: []string{"a: permission denied"}}}, false, 2},
		{"nothing was read", nil, false, 0},
	} {
		write("2026-05-02T00:00:00Z", c.stores...)
		list, err := evidenceOf(serve.Files{Attestations: []string{path}}, []string{"peer0.UsHospital", "peer1.UsHospital"})
		if err != nil || len(list) != 2 {
			t.Fatal(list, err)
		}
		if list[0].Attested.IsZero() == c.whole || list[0].Residue != c.residue || !list[1].Attested.IsZero() {
			t.Errorf("%s: %+v", c.name, list)
		}
	}
}
