package cli

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"domicile/erasure"
	"domicile/erasure/certificate"
	"domicile/purge/serve"
)

// evidenceOf reads what scrubbing and attesting left in files, the newest word on
// each peer. Every file that can be read counts, whatever is wrong with the others.
func evidenceOf(f serve.Files) ([]serve.Evidence, error) {
	peers := map[string]serve.Evidence{}
	var errs []error
	for _, file := range f.Scrubs {
		at, err := erasure.LastScrubbed(file)
		errs = append(errs, err)
		for peer, t := range at {
			e := peers[peer]
			if t.After(e.Scrubbed) {
				e.Scrubbed = t
			}
			peers[peer] = e
		}
	}
	for _, file := range f.Attestations {
		errs = append(errs, attestedIn(file, peers))
	}
	var out []serve.Evidence
	for _, name := range slices.Sorted(maps.Keys(peers)) {
		e := peers[name]
		e.Peer = name
		out = append(out, e)
	}
	return out, errors.Join(errs...)
}

// attestedIn adds what one attestation says of peers.
func attestedIn(file string, peers map[string]serve.Evidence) error {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := certificate.DecodeAttestation(b)
	if err != nil {
		return err
	}
	for _, n := range a.Statement.Nodes {
		at, err := time.Parse(time.RFC3339, n.SearchedAt)
		e := peers[n.Name]
		if n.Kind != "peer" || err != nil || !at.After(e.Attested) {
			continue
		}
		e.Attested, e.Residue = at, 0
		for _, s := range n.Stores {
			e.Residue += s.Found
		}
		peers[n.Name] = e
	}
	return nil
}
