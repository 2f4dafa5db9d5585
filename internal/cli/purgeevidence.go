package cli

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"domicile/erasure"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
	"domicile/purge/serve"
)

// evidenceOf reads what scrubbing and attesting left in files, the newest word on
// each peer, and names the given peers also when no file does. Every file that can be read
// counts, whatever is wrong with the others.
func evidenceOf(f serve.Files, peers []string) ([]serve.Evidence, error) {
	k := known{}
	for _, name := range peers {
		k.of(name)
	}
	var errs []error
	for _, file := range f.Scrubs {
		at, err := erasure.LastScrubbed(file)
		errs = append(errs, err)
		for peer, t := range at {
			if e := k.of(peer); t.After(e.Scrubbed) {
				e.Scrubbed = t
			}
		}
	}
	for _, file := range f.Attestations {
		errs = append(errs, k.attestedIn(file))
	}
	var out []serve.Evidence
	for _, name := range slices.Sorted(maps.Keys(k)) {
		out = append(out, k[name].Evidence)
	}
	return out, errors.Join(errs...)
}

// known is what is known of each peer.
type known map[string]*knownPeer

type knownPeer struct {
	serve.Evidence
	searched time.Time // last, whole or not
}

func (k known) of(peer string) *knownPeer {
	if k[peer] == nil {
		k[peer] = &knownPeer{Evidence: serve.Evidence{Peer: peer}}
	}
	return k[peer]
}

// attestedIn adds what one attestation says of peers. A search that could not read
// everything attests nothing, and what it found counts.
func (k known) attestedIn(file string) error {
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
		if n.Kind != "peer" || err != nil {
			continue
		}
		e := k.of(n.Name)
		if at.After(e.searched) {
			e.searched, e.Residue = at, 0
			for _, s := range n.Stores {
				e.Residue += s.Found
			}
		}
		if attest.Whole(n) && at.After(e.Attested) {
			e.Attested = at
		}
	}
	return nil
}
