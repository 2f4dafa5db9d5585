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
// Where no peer has the bytes to make it of, the purge leaves none.
func (c *Client) Purge(ctx context.Context, r record.PurgeRequest) (TxReceipt, error) {
	tx, err := c.purge(ctx, r, len(r.IDs) > 0 && c.indexKey != nil)
	if record.CodeOf(err) == record.CodeMissingData {
		return c.purge(ctx, r, false)
	}
	return tx, err
}

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
			ev := Evidence{Ref: record.Ref{Collection: e.Collection, ID: e.ID}, Key: e.Key, At: e.At, Tx: e.Tx}
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

// EndEvidence purges 1 to [record.MaxRecords] entries of evidence, which an operator
// of every holder of the collection has attested. The attestations are named in the
// holder's log. The caller needs the role purger.
func (c *Client) EndEvidence(ctx context.Context, collection string, keys []string, attestations []record.AttestationOf) (TxReceipt, error) {
	return c.write(ctx, collection, record.OpEvidenceEnd, nil, func() (any, map[string][]byte, error) {
		return record.EvidenceEndRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(),
			Keys: keys, Attestations: attestations,
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
// on; that day must have come. The caller needs the role purger.
func (c *Client) Canary(ctx context.Context, collection, due string) (Canary, error) {
	k := Canary{ID: record.NewID()}
	var err error
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
