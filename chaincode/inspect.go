package chaincode

import (
	"encoding/hex"
	"strconv"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
)

// inspect is [record.OpInspect]: each record read by its own keys, never through
// an index.
func inspect(c *call, req *record.InspectRequest) ([]byte, error) {
	if err := count(len(req.IDs), "ids"); err != nil {
		return nil, err
	}
	if err := checkIDs(req.IDs); err != nil {
		return nil, err
	}
	held, err := c.holdings()
	if err != nil {
		return nil, err
	}
	states := make([]record.State, len(req.IDs))
	for i, id := range req.IDs {
		if states[i], err = c.state(id, held); err != nil {
			return nil, err
		}
	}
	return encode(states)
}

func (c *call) state(id string, held *holdings) (record.State, error) {
	s := record.State{ID: id, State: record.InsideAbsent}
	hash, err := c.hash(c.coll.Name, record.RecordKey(id))
	if err != nil {
		return s, err
	}
	var meta record.Meta
	present, err := c.document(c.coll.Name, record.MetaKey(id), &meta)
	if err != nil {
		return s, err
	}
	var gone record.Gone
	where, err := c.goneIn(id)
	if err != nil {
		return s, err
	}
	if where != "" {
		if _, err := c.document(c.log, record.GoneKey(where, id), &gone); err != nil {
			return s, err
		}
		s.State, s.Hash = record.InsideGone, gone.Hash
		s.Ground, s.PurgedAt, s.PurgeTx = string(gone.Ground), gone.At, gone.Tx
		if present {
			s.State = record.InsidePartial
		}
	} else if hash != nil && present {
		s.State, s.Hash = record.InsidePresent, hex.EncodeToString(hash)
	}
	if present {
		err = c.describe(&s, &meta, held)
	}
	return s, err
}

// describe adds what the metadata tells.
func (c *call) describe(s *record.State, meta *record.Meta, held *holdings) error {
	s.SHA256, s.Size, s.Replaces = meta.SHA256, meta.Size, meta.Replaces
	s.PutTx, s.PutAt = meta.PutTx, meta.PutAt
	due, err := c.dueDate(meta)
	if err != nil {
		return err
	}
	if !due.Due.IsZero() {
		s.DueDate, s.Authority = due.Due.String(), due.Authority
		s.IsDue = due.Due.Compare(fhir.DateOf(c.now)) <= 0
	}
	b, err := held.about(meta)
	s.Held = len(b.matters) > 0
	return err
}

// dueDate is the later of the date fixed at put and the one the policy in force
// gives now: a change of policy may lengthen retention and never shortens it. It
// is zero when neither gives one.
func (c *call) dueDate(meta *record.Meta) (retention, error) {
	var best retention
	if meta.Due != "" {
		if err := best.Due.UnmarshalText([]byte(meta.Due)); err != nil {
			return best, internal("reading a stored date")
		}
		best.Row, best.Authority = meta.Row, "the policy at put, row "+strconv.Quote(meta.Row)
		for _, row := range c.region.Retention {
			if row.Name == meta.Row {
				best.Authority = row.Authority
			}
		}
	}
	if meta.End == "" {
		return best, nil
	}
	var end fhir.Date
	if err := end.UnmarshalText([]byte(meta.End)); err != nil {
		return best, internal("reading a stored date")
	}
	labels := make([]fhir.Coding, len(meta.Labels))
	for i, l := range meta.Labels {
		labels[i] = fhir.Coding{System: l.System, Code: l.Code}
	}
	if now := c.assess(meta.Type, labels, end); !now.Due.IsZero() && now.Due.Compare(best.Due) >= 0 {
		best = now
	}
	return best, nil
}

// retention is from which day on a record may go, and why.
type retention struct {
	Due       fhir.Date
	Row       string
	Authority string
}

// assess asks the policy in force about a resource; the date is zero when it gives
// none.
func (c *call) assess(rtype string, labels []fhir.Coding, end fhir.Date) retention {
	a := collections.Assess(collections.Case{
		Regions: []*collections.Region{c.region}, Private: c.part, Type: rtype, Labels: labels, End: end,
	})
	if a.Verdict == collections.VerdictNever {
		return retention{}
	}
	return retention{a.Due, a.Row, a.Authority}
}
