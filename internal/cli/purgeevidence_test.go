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
	write := func(name, searched string, found int) string {
		a := certificate.Attestation{Statement: certificate.Statement{Version: 1, Nodes: []certificate.Node{
			{Name: "peer0.UsHospital", Kind: "peer", SearchedAt: searched, Stores: []certificate.Store{{Found: found}, {Found: 1}}},
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
	})
	if err == nil {
		t.Error("a broken file is no error")
	}
	if len(list) != 1 || list[0].Peer != "peer0.UsHospital" || list[0].Residue != 4 || list[0].Attested.Day() != 2 || !list[0].Scrubbed.IsZero() {
		t.Errorf("%+v", list)
	}
}
