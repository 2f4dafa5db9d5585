package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"domicile/chaincode/record"
	"domicile/erasure/attest"
	"domicile/gateway"
)

// registerOut registers an attestation that was written to a file just now.
func (a *app) registerOut(ctx context.Context, o attestFlags, op operator, file []byte, w *wantedAt) error {
	if len(w.pending) == 0 { // canaries of another region
		return nil
	}
	if file == nil {
		a.say("%s: not registered, because there is no file to name: give -o", op.org)
		return nil
	}
	genesis, err := a.genesisFor(ctx, o, op.org)
	if err != nil {
		return err
	}
	signed, err := attest.Read(file, genesis)
	if err != nil {
		return err
	}
	return a.register(ctx, o, op, signed, w.pending)
}

// registerFile is --register: an attestation that was made before, or by a machine
// that does not reach the ledger.
func (a *app) registerFile(ctx context.Context, o attestFlags) error {
	file, err := os.ReadFile(o.register)
	if err != nil {
		return openError(err)
	}
	genesis, err := a.genesisFor(ctx, o, o.org)
	if err != nil {
		return err
	}
	signed, err := attest.Read(file, genesis)
	if err != nil {
		return refused{fmt.Sprintf("%s: %v", o.register, err), "only an attestation that verifies is registered"}
	}
	op := operator{org: signed.Statement.Org, certificate: o.certificate, key: o.key}
	if a.settings == "" {
		o.org = op.org
		ops, err := a.operators(o)
		if err != nil {
			return err
		}
		op = ops[0]
	} else if op.certificate == "" || op.key == "" {
		return usage{errors.New("--register with --settings needs --certificate and --key"), "name those of the administrator or operator who signed"}
	}
	client, err := a.connect(ctx, where{o.region, op.org, record.RolePurger})
	if err != nil {
		return err
	}
	defer client.Close()
	pending, err := a.pending(ctx, client)
	if err != nil {
		return err
	}
	return a.register(ctx, o, op, signed, pending)
}

// register registers what an attestation says with the evidence of the records that it
// names, as the one who signed it.
func (a *app) register(ctx context.Context, o attestFlags, op operator, signed attest.Signed, pending []gateway.Evidence) error {
	keys, named := map[string][]string{}, map[record.Ref]bool{}
	for _, ref := range signed.Statement.Records {
		named[ref] = true
	}
	search := attest.Summary(signed)
	var names []string
	for _, e := range pending {
		later := slices.ContainsFunc(e.Attested, func(r record.Registration) bool { return r.Org == op.org && r.SearchedAt > search.SearchedAt })
		if !named[e.Ref] || later {
			continue // the later search stands
		}
		if keys[e.Collection] == nil {
			names = append(names, e.Collection)
		}
		keys[e.Collection] = append(keys[e.Collection], e.Key)
	}
	if search.Height == 0 {
		a.say("warning: %s: no peer was searched, so nothing is registered", op.org)
		return nil
	}
	client, err := a.connectAs(ctx, where{o.region, op.org, record.RolePurger}, op.certificate, op.key)
	if err != nil {
		return err
	}
	defer client.Close()
	done := 0
	for _, collection := range names {
		for chunk := range slices.Chunk(keys[collection], record.MaxRecords) {
			n, err := registerKeys(ctx, client, collection, chunk, search)
			if err != nil {
				return fmt.Errorf("register the attestation (its file can be registered later with --register): %w", err)
			}
			done += n
		}
	}
	a.say("%s: registered for %d records", op.org, done)
	return nil
}

// registerKeys registers one transaction's worth. When somebody has settled one of the
// records meanwhile, the others go one by one.
func registerKeys(ctx context.Context, client *gateway.Client, collection string, keys []string, s record.Search) (int, error) {
	_, err := client.Attest(ctx, collection, keys, s)
	if err == nil {
		return len(keys), nil
	}
	if !errors.Is(err, gateway.ErrAbsent) {
		return 0, err
	}
	if len(keys) == 1 {
		return 0, nil
	}
	done := 0
	for i := range keys {
		n, err := registerKeys(ctx, client, collection, keys[i:i+1], s)
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// connectAs is connect with another certificate and key.
func (a *app) connectAs(ctx context.Context, w where, certificate, key string) (*gateway.Client, error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	s, err := a.loadSettings(w)
	if err != nil {
		return nil, err
	}
	for _, p := range []struct {
		from string
		to   *string
	}{{certificate, &s.Identity.Certificate}, {key, &s.Identity.Key}} {
		if *p.to, err = filepath.Abs(p.from); err != nil {
			return nil, err
		}
	}
	return gateway.Open(ctx, s, gateway.WithLogger(log))
}
