package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/erasure/certificate"
)

// erased is what the demonstration's erasure of one holder's disks gave.
type erased struct {
	Org         string   `json:"org"`
	Peers       []string `json:"peers"` // scrubbed
	Records     int      `json:"records"`
	Residue     int      `json:"residue"` // stores with bytes of purged records, after the scrub
	Attestation string   `json:"attestation"`
	Certificate string   `json:"certificate"` // of the record Destroyed
	Destroyed   string   `json:"destroyed"`
}

// erase scrubs the peers of one holder of a purged record outside the home region,
// has its operator search them and sign, and collects a certificate of destruction
// that it then checks offline.
func (d *demo) erase(ctx context.Context) error {
	i := slices.IndexFunc(d.followed, func(f *followed) bool { return f.Region != d.home && f.State == record.StatePurged })
	if i < 0 {
		d.say("  no record of another region was purged")
		return nil
	}
	f := d.followed[i]
	org, err := d.holder(ctx, f)
	if err != nil {
		return err
	}
	e := &erased{Org: org, Destroyed: f.ID}
	if err := d.scrubAll(ctx, e); err != nil {
		return err
	}
	signed, err := d.attested(ctx, f.Region, e)
	if err != nil {
		return err
	}
	if err := d.certified(ctx, f, signed, e); err != nil {
		return err
	}
	d.evidence.Erased = e
	return nil
}

// holder is the organization whose collection holds a record.
func (d *demo) holder(ctx context.Context, f *followed) (string, error) {
	c, err := d.client(ctx, f.Region, record.RoleReader)
	if err != nil {
		return "", err
	}
	return c.Org(), nil
}

func (d *demo) scrubAll(ctx context.Context, e *erased) error {
	op, err := d.n.Operator(e.Org)
	if err != nil {
		return err
	}
	done, err := erasure.Scrub(ctx, op, erasure.ScrubOptions{State: d.n.ScrubState(e.Org), Now: time.Now})
	if err != nil {
		return err
	}
	for _, p := range done {
		e.Peers = append(e.Peers, p.Peer)
	}
	d.say("  %s: %d peers scrubbed, one after another", e.Org, len(done))
	return nil
}

func (d *demo) attested(ctx context.Context, region string, e *erased) (*certificate.Attestation, error) {
	o := attestFlags{region: region, org: e.Org}
	ops, err := d.operators(o)
	if err != nil {
		return nil, err
	}
	w, err := d.wanted(ctx, o, e.Org)
	if err != nil {
		return nil, err
	}
	signed, residue, err := d.attestOne(ctx, o, ops[0], w)
	if err != nil {
		return nil, err
	}
	e.Records, e.Residue = len(w.Records), len(residue)
	d.say("  %s: files and memory searched for %d purged records, residue in %d stores; signed by its operator", e.Org, e.Records, e.Residue)
	if e.Residue > 0 {
		return nil, refused{fmt.Sprintf("bytes of purged records are left in %d stores after the scrub: %v", e.Residue, residue), ""}
	}
	return signed, nil
}

// certified writes attestation and certificate beside the network's files.
func (d *demo) certified(ctx context.Context, f *followed, signed *certificate.Attestation, e *erased) error {
	c, err := d.client(ctx, f.Region, record.RoleReader)
	if err != nil {
		return err
	}
	cert, err := c.Certificate(ctx, f.Collection, f.ID)
	if err != nil {
		return err
	}
	cert.Attestations = append(cert.Attestations, *signed)
	b, err := cert.Encode()
	if err != nil {
		return err
	}
	genesis, err := os.ReadFile(d.n.GenesisPath())
	if err != nil {
		return err
	}
	if _, err := certificate.Verify(b, genesis); err != nil {
		return refusal(err)
	}
	dir := filepath.Join(d.n.Dir(), "evidence")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	e.Attestation, e.Certificate = filepath.Join(dir, e.Org+".json"), filepath.Join(dir, f.ID+".json")
	statement, err := signed.Encode()
	if err != nil {
		return err
	}
	for path, content := range map[string][]byte{e.Attestation: statement, e.Certificate: b} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("write the evidence: %w", err)
		}
	}
	d.say("  the certificate of destruction of %s holds against the genesis block:", f.ID)
	d.say("    domicile proof verify-destruction %s --genesis %s", e.Certificate, d.n.GenesisPath())
	return nil
}
