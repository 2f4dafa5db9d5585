package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"domicile/chaincode/record"
)

// putTries is how often a batch is looked at again after another writer, or an
// earlier attempt of ours, got in between.
const putTries = 8

// existsTries is how often the contract may say that an id exists while a look at
// its collection does not find it.
const existsTries = 3

// put brings a batch into its collection: it reads what is there, puts what is
// missing, and looks again after every answer that leaves a doubt.
//
// If we crash anywhere in here, the next run computes the same ids and starts
// with the same look.
func (m *importer) put(ctx context.Context, items []*item) []outcome {
	var out []outcome
	collection := items[0].collection
	left := items
	if err := m.recall(ctx, items); err != nil {
		return failAll(items, err)
	}
	for try := 1; ; try++ {
		done, missing, err := m.look(ctx, collection, left)
		out = append(out, done...)
		if err != nil {
			return append(out, failAll(missing, err)...)
		}
		if left = missing; len(left) == 0 {
			return out
		}
		done, err = m.putNew(ctx, collection, left)
		if err == nil {
			return append(out, done...)
		}
		switch code := record.CodeOf(err); {
		case code == record.CodeExists, code == record.CodeGone, code == record.CodeConflict, code == record.CodeUnknown:
			if code == record.CodeExists && try >= existsTries {
				return append(out, m.elsewhere(ctx, left, err)...)
			}
			if try >= putTries || m.c.pause(ctx, try) != nil {
				return append(out, failAll(left, err)...)
			}
		case ofRecord(code) && len(left) > 1:
			for _, x := range left {
				out = append(out, m.put(ctx, []*item{x})...)
			}
			return out
		case ofRecord(code):
			return append(out, left[0].outcome(left[0].receipt(), err))
		default:
			return append(out, failAll(left, err)...)
		}
	}
}

// ofRecord reports whether a refusal is about one record and not about the
// import.
func ofRecord(c record.Code) bool {
	return slices.Contains([]record.Code{
		record.CodeBadResource, record.CodeTooLarge, record.CodeWrongCollection, record.CodeIDReused, record.CodeInput,
		record.CodeInvalidFHIR, record.CodeUnknownLabel, record.CodeBadLabels,
	}, c)
}

// failAll ends the import at each of these records.
func failAll(items []*item, err error) []outcome {
	var out []outcome
	for _, x := range items {
		o := x.outcome(x.receipt(), err)
		o.last = true
		out = append(out, o)
	}
	return out
}

// look reads the state of records and settles those that are there or were.
func (m *importer) look(ctx context.Context, collection string, items []*item) (done []outcome, missing []*item, err error) {
	ids := make([]string, len(items))
	for i, x := range items {
		ids[i] = x.id
	}
	states, err := m.c.Inspect(ctx, collection, ids)
	if err != nil {
		return nil, items, err
	}
	var present []record.AnchorRef
	for i, x := range items {
		s, r := states[i], x.receipt()
		switch s.State {
		case record.InsideAbsent:
			missing = append(missing, x)
			continue
		case record.InsideGone, record.InsidePartial:
			r.Gone, r.Hash, r.TxID = true, s.Hash, s.PurgeTx
			r.Warnings = []string{"purged; not put back"}
			if s.Ground == string(record.GroundMoved) {
				var err error
				if r, err = m.follow(ctx, x); err != nil {
					return nil, items, err
				}
			}
		case record.InsidePresent:
			if sum := sha256.Sum256(x.resource.Raw); s.SHA256 != hex.EncodeToString(sum[:]) {
				done = append(done, x.outcome(r, record.Fail(record.CodeIDReused, x.id)))
				continue
			}
			r.Already, r.Held, r.Hash, r.TxID, r.Warnings = true, s.Held, s.Hash, s.PutTx, m.notes(x)
			present = append(present, record.AnchorRef{Ref: record.Ref{Collection: collection, ID: x.id}, Hash: s.Hash})
		default:
			return nil, items, record.Fail(record.CodeVersion, x.id+": in a state this program does not know")
		}
		if r.Block, err = m.blockOf(ctx, r.TxID); err != nil {
			return nil, items, err
		}
		done = append(done, x.outcome(r, nil))
	}
	return done, missing, m.anchorMissing(ctx, present)
}

// anchorMissing queues those records for anchoring that an earlier run put and
// did not anchor.
func (m *importer) anchorMissing(ctx context.Context, refs []record.AnchorRef) error {
	if m.o.NoAnchor || len(refs) == 0 {
		return nil
	}
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	proofs, err := m.c.Proof(ctx, ids, From(m.c.settings.Region))
	if err != nil {
		return err
	}
	anchored := make(map[record.Ref]bool, len(proofs))
	for _, p := range proofs { // an id may have one in several collections
		if p.State == record.StateActive || p.State == record.StatePurged {
			anchored[record.Ref{Collection: p.Collection, ID: p.ID}] = true
		}
	}
	for _, r := range refs {
		if !anchored[r.Ref] {
			if err := m.anchor(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// putNew submits one put transaction. Salts follow from the seeds, so the hash
// needs no reading back.
func (m *importer) putNew(ctx context.Context, collection string, items []*item) ([]outcome, error) {
	ids := make([]string, len(items))
	for i, x := range items {
		ids[i] = x.id
	}
	var seeds [][]byte // of the newest attempt, which is the one that commits
	custody, terms := record.Custodial, (*record.Terms)(nil)
	if col, ok := m.region.Collection(collection); ok && len(col.Members) > 1 {
		custody, terms = record.Disclosed, m.o.Terms
	}
	tx, err := m.c.write(ctx, collection, record.OpPut, ids, func() (any, map[string][]byte, error) {
		req := record.PutRequest{Version: record.Version, Region: m.c.settings.Region, Collection: collection}
		bodies := make(map[string][]byte, len(items))
		seeds = nil
		for i, x := range items {
			seed := newSeed()
			seeds = append(seeds, seed)
			req.Records = append(req.Records, record.PutRecord{
				ID: x.id, Seed: seed, Resource: x.token, Subjects: x.subjects, Replaces: m.o.Replaces, Custody: custody,
				Labels: x.labels, Rules: m.labels.digest(), Facts: x.facts, Classes: m.o.Classes, Terms: terms,
			})
			bodies[record.BodyField(i)] = x.resource.Raw
		}
		return req, bodies, nil
	})
	if err != nil {
		return nil, err
	}
	var out []outcome
	for i, x := range items {
		d, err := record.NewDrawer(seeds[i])
		if err != nil {
			return nil, err
		}
		r := x.receipt()
		r.TxID, r.Block, r.Warnings = tx.TxID, tx.Block, m.notes(x)
		r.Hash = record.Hash(d.Salt("r"), x.resource.Raw)
		if !m.o.NoAnchor {
			ref := record.AnchorRef{Ref: record.Ref{Collection: collection, ID: x.id}, Hash: r.Hash}
			if err := m.anchor(ctx, ref); err != nil {
				return nil, err
			}
		}
		out = append(out, x.outcome(r, nil))
	}
	m.sayHeld(ctx, collection, ids, out)
	return out, nil
}

// notKnownHeld is the warning of a record of which nobody could say whether it is held.
const notKnownHeld = "not known whether a legal hold takes it; see domicile record list --held"

// sayHeld tells in the receipts of a committed batch which records a hold takes, by one
// look at all of them. The put reads no hold on a person, because others see what it
// reads; a look is evaluated, and nobody sees it. That it fails changes nothing about
// the records, which are there, and no purge goes by it.
func (m *importer) sayHeld(ctx context.Context, collection string, ids []string, out []outcome) {
	states, err := m.c.Inspect(ctx, collection, ids)
	unknown := 0
	for i := range out {
		r := &out[i].receipt
		if err == nil && states[i].State == record.InsidePresent {
			r.Held = states[i].Held
			continue
		}
		unknown++
		r.Warnings = append(slices.Clip(r.Warnings), notKnownHeld)
	}
	if unknown > 0 { // without an error, a peer that has not processed the block yet
		m.c.log.Warn("not known whether a hold takes records that were put",
			"collection", collection, "records", unknown, "code", cmp.Or(record.CodeOf(err), record.CodeAbsent))
	}
}

// blockOf finds the block of a transaction, once for all records of it.
func (m *importer) blockOf(ctx context.Context, txID string) (uint64, error) {
	if txID == "" {
		return 0, nil
	}
	if n, ok := m.blocks.Load(txID); ok {
		return n.(uint64), nil
	}
	n, err := m.c.BlockOf(ctx, txID)
	if err == nil {
		m.blocks.Store(txID, n)
	}
	return n, err
}

// maxMoves bounds how often a record is followed to where it moved.
const maxMoves = 16

// follow finds a record of the import that has moved to another collection of the
// holder: it is there already, or gone, under the id it has now.
func (m *importer) follow(ctx context.Context, x *item) (Receipt, error) {
	r := x.receipt()
	id := x.id
	for range maxMoves {
		id = movedID(m.key, id)
		found, err := m.c.Locate(ctx, []string{id})
		if err != nil {
			return r, err
		}
		l := found[0]
		switch {
		case l.State.State == record.InsidePresent:
			r.ID, r.Collection, r.MovedFrom = id, l.Collection, x.id
			r.Already, r.Held, r.Hash, r.TxID, r.Warnings = true, l.Held, l.Hash, l.PutTx, m.notes(x)
			return r, nil
		case l.State.State == record.InsideGone && l.Ground == string(record.GroundMoved):
			continue
		}
		r.ID, r.MovedFrom = id, x.id
		if l.Collection != "" {
			r.Collection = l.Collection
		}
		r.Gone, r.Hash, r.TxID = true, l.Hash, l.PurgeTx
		r.Warnings = []string{"purged; not put back"}
		return r, nil
	}
	return r, record.Fail(record.CodeInternal, x.id+": moved more often than can be followed")
}

// elsewhere settles records whose ids are in use in another collection of the
// holder: labels, rules or routing changed since an earlier run.
func (m *importer) elsewhere(ctx context.Context, items []*item, cause error) []outcome {
	ids := make([]string, len(items))
	for i, x := range items {
		ids[i] = x.id
	}
	found, err := m.c.Locate(ctx, ids)
	if err != nil {
		return failAll(items, err)
	}
	var out []outcome
	var refs []record.AnchorRef
	for i, x := range items {
		l, r := found[i], x.receipt()
		sum := sha256.Sum256(x.resource.Raw)
		if l.State.State != record.InsidePresent || l.SHA256 != hex.EncodeToString(sum[:]) {
			out = append(out, x.outcome(r, cause))
			continue
		}
		r.Already, r.Held, r.Collection, r.Hash, r.TxID = true, l.Held, l.Collection, l.Hash, l.PutTx
		r.Warnings = append(m.notes(x), "lies in another collection than its labels ask for now; see domicile label plan")
		if r.Block, err = m.blockOf(ctx, r.TxID); err != nil {
			return append(out, failAll(items[i:], err)...)
		}
		refs = append(refs, record.AnchorRef{Ref: record.Ref{Collection: l.Collection, ID: x.id}, Hash: l.Hash})
		out = append(out, x.outcome(r, nil))
	}
	if err := m.anchorMissing(ctx, refs); err != nil {
		return failAll(items, err)
	}
	return out
}
