package gateway

import (
	"context"

	"domicile/chaincode/record"
)

// Purge purges records of one collection, or keys of failed attempts, in one
// transaction. Version and Region are filled in and a new seed is drawn. When
// some records may not be purged nothing is, and the error names all of them (see
// [IDs]): [ErrHeld], [ErrNotDue], [ErrGone], [ErrAbsent].
//
// With an index key in the settings the purge leaves evidence (see [Client.Evidence]).
// That takes the bytes of the records, for which peers that have only just heard of
// them are waited some seconds. Of several records the error is then
// [ErrMissingData]; a record alone is purged without evidence, and the receipt says so, as
// it does where there is no index key.
func (c *Client) Purge(ctx context.Context, r record.PurgeRequest) (TxReceipt, error) {
	evidence := len(r.IDs) > 0 && c.indexKey != nil
	for attempt := 1; ; attempt++ {
		tx, err := c.purge(ctx, r, evidence)
		// What was left of a record whose body went needs none: that purge left it.
		tx.WithoutEvidence = err == nil && !evidence && len(r.IDs) > 0 && r.Part != record.PartRest
		switch {
		case !evidence || record.CodeOf(err) != record.CodeMissingData:
			return tx, err
		case attempt < evidenceTries && c.pause(ctx, attempt) == nil:
			continue
		case len(r.IDs) > 1 || ctx.Err() != nil:
			return tx, err
		}
		evidence = false
	}
}

// evidenceTries is how often a purge asks for evidence that an endorser cannot make.
const evidenceTries = 5

func (c *Client) purge(ctx context.Context, r record.PurgeRequest, evidence bool) (TxReceipt, error) {
	r.Version, r.Region = record.Version, c.settings.Region
	return c.write(ctx, r.Collection, record.OpPurge, r.IDs, func() (any, map[string][]byte, error) {
		r.Seed = newSeed()
		if !evidence {
			return r, nil, nil
		}
		key, err := record.EvidenceCipherKey(c.indexKey)
		return r, map[string][]byte{record.FieldEvidence: key}, err
	})
}

// Evidence is what is left of one purged record: what to look for on the holder's
// disks.
type Evidence struct {
	record.Ref
	Key string `json:"key"` // of the entry, for EndEvidence
	At  string `json:"at"`  // transaction time of the purge
	Tx  string `json:"tx"`
	// Prints and Canary are as in [record.Evidence]; both nil in an entry that
	// another index key than the client's was used for.
	Prints []record.Print      `json:"prints,omitempty"`
	Canary *record.CanaryBytes `json:"canary,omitempty"`
	// Attested is the latest registration of each holder.
	Attested []record.Registration `json:"attested,omitempty"`
}

// Evidence lists what purges of a collection have left that nobody has attested yet.
// The caller needs the role purger, auditor or officer, and the region's index key.
func (c *Client) Evidence(ctx context.Context, collection string) ([]Evidence, error) {
	index, err := c.needIndexKey()
	if err != nil {
		return nil, err
	}
	key, err := record.EvidenceCipherKey(index)
	if err != nil {
		return nil, err
	}
	var out []Evidence
	req := record.EvidenceRequest{Version: record.Version, Region: c.settings.Region, Collection: collection}
	for {
		var page record.EvidencePage
		if err := c.readInto(ctx, collection, record.OpEvidence, req, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			ev := Evidence{Ref: record.Ref{Collection: e.Collection, ID: e.ID}, Key: e.Key, At: e.At, Tx: e.Tx, Attested: e.Attested}
			if open, err := record.OpenEvidence(key, e.Box, ev.Ref); err == nil {
				ev.Prints, ev.Canary = open.Prints, open.Canary
			}
			out = append(out, ev)
		}
		if page.Next == "" {
			return out, nil
		}
		if page.Next <= req.After {
			return nil, record.Fail(record.CodeInternal, "the list of evidence of "+collection+" does not advance")
		}
		req.After = page.Next
	}
}

// Attest registers what a signed attestation of the client's organisation says with the
// evidence of 1 to [record.MaxRecords] records that were looked for. It replaces what
// the organisation registered before. The caller must be an administrator or operator.
// Errors: [ErrAbsent] when somebody has settled one of them, [ErrNotAttested] when the
// search began before one of the purges.
func (c *Client) Attest(ctx context.Context, collection string, keys []string, s record.Search) (TxReceipt, error) {
	return c.write(ctx, collection, record.OpAttest, nil, func() (any, map[string][]byte, error) {
		return record.AttestRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(), Keys: keys, Search: s,
		}, nil, nil
	})
}

// EndEvidence purges 1 to [record.MaxRecords] entries of evidence, for which every
// holder of the collection has registered a clean search; the registrations are named in
// the holder's log. The caller needs the role purger. The error is [ErrNotAttested]
// when one is missing.
func (c *Client) EndEvidence(ctx context.Context, collection string, keys []string) (TxReceipt, error) {
	return c.write(ctx, collection, record.OpEvidenceEnd, nil, func() (any, map[string][]byte, error) {
		return record.EvidenceEndRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(), Keys: keys,
		}, nil, nil
	})
}

// Canary is a record about nobody.
type Canary struct {
	ID   string
	Size int // bytes of its resource
	Tx   TxReceipt
}

// Canary stores a record about nobody, which may be purged from the day due (YYYY-MM-DD)
// on; that day must have come. The caller needs the role purger. The error has the code
// PAUSED while purges are paused: nothing would take it away.
func (c *Client) Canary(ctx context.Context, collection, due string) (Canary, error) {
	pause, err := c.Paused(ctx, collection)
	if err != nil {
		return Canary{}, err
	}
	if pause != nil {
		return Canary{}, record.Fail(record.CodePaused, "purges are paused")
	}
	k := Canary{ID: record.NewID()}
	k.Tx, err = c.write(ctx, collection, record.OpCanary, []string{k.ID}, func() (any, map[string][]byte, error) {
		seed := newSeed()
		draw, err := record.NewDrawer(seed)
		if err != nil {
			return nil, nil, err
		}
		k.Size = len(record.CanaryBody(draw))
		return record.CanaryRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: seed, ID: k.ID, Due: due,
		}, nil, nil
	})
	return k, err
}
