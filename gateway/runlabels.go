package gateway

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/fhir/ds4p"
)

// RunLabels does what [Client.PlanLabels] plans, except downgrades, which only a
// person may order ([Client.SetLabels]): those are yielded with the code DOWNGRADE.
// It yields each record once it is done with it.
//
// Labels change by amendments, moves go in steps: the copy is put into the
// collection that the labels ask for, anchored, given the holds of the record, and
// only then the record is purged on ground moved and its tombstone published. It may
// be killed anywhere: the next run finds copies by their ids and goes on. A step
// that nobody here may take (no officer, no purger) leaves the record with the code
// FORBIDDEN for a later run; it is never without its bytes.
func (c *Client) RunLabels(ctx context.Context, o RelabelOptions) iter.Seq2[Relabeling, error] {
	return func(yield func(Relabeling, error) bool) {
		run := &labelRun{c: c, o: o, yield: yield, open: map[string][]Relabeling{}}
		if err := run.all(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(Relabeling{}, err)
		}
	}
}

var errStopped = errors.New("the consumer wants no more")

type labelRun struct {
	c     *Client
	o     RelabelOptions
	yield func(Relabeling, error) bool
	open  map[string][]Relabeling // batches by collection and target
}

func (l *labelRun) all(ctx context.Context) error {
	names, err := l.c.writable(ctx, l.o.Collections)
	if err != nil {
		return err
	}
	for _, name := range names {
		o := l.o
		o.Collections = []string{name}
		for r, err := range l.c.PlanLabels(ctx, o) {
			if err != nil {
				return err
			}
			if err := l.take(ctx, r); err != nil {
				return err
			}
		}
		for key := range l.open {
			if err := l.flush(ctx, key); err != nil {
				return err
			}
		}
		if err := l.o.purger(l.c).finishPurged(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// take adds a record to its batch.
func (l *labelRun) take(ctx context.Context, r Relabeling) error {
	switch {
	case r.Action == RelabelDowngrade:
		r.Code = record.CodeDowngrade
		return l.tell(r)
	case r.Code != "":
		return l.tell(r)
	}
	key := r.To // "" for amendments
	size := r.Size
	for _, x := range l.open[key] {
		size += x.Size
	}
	if n := len(l.open[key]); n > 0 && (n == record.AmendRecords || key != "" && size > record.BatchBytes) {
		if err := l.flush(ctx, key); err != nil {
			return err
		}
	}
	l.open[key] = append(l.open[key], r)
	return nil
}

func (l *labelRun) tell(r Relabeling) error {
	if !l.yield(r, nil) {
		return errStopped
	}
	return nil
}

func (l *labelRun) flush(ctx context.Context, key string) error {
	batch := l.open[key]
	delete(l.open, key)
	if len(batch) == 0 {
		return nil
	}
	do := l.amend
	if key != "" {
		do = l.move
	}
	return l.try(ctx, batch, do)
}

// try does a batch. Records that a refusal names are left, with its code, and the
// rest is done without them.
func (l *labelRun) try(ctx context.Context, batch []Relabeling, do func(context.Context, []Relabeling) error) error {
	for len(batch) > 0 {
		err := do(ctx, batch)
		if err == nil {
			for _, r := range batch {
				r.Done = true
				if err := l.tell(r); err != nil {
					return err
				}
			}
			return nil
		}
		code := record.CodeOf(err)
		if Retryable(err) || code == "" || code == record.CodeStaleRules {
			return err
		}
		bad := IDs(err)
		named := func(r Relabeling) bool { return slices.Contains(bad, r.ID) || slices.Contains(bad, r.NewID) }
		all := !slices.ContainsFunc(batch, named)
		var rest []Relabeling
		for _, r := range batch {
			if !all && !named(r) {
				rest = append(rest, r)
				continue
			}
			r.Code = code
			if err := l.tell(r); err != nil {
				return err
			}
		}
		batch = rest
	}
	return nil
}

func (l *labelRun) amend(ctx context.Context, batch []Relabeling) error {
	part, err := l.digest(ctx, batch[0].Collection)
	if err != nil {
		return err
	}
	changes := make([]record.AmendRecord, len(batch))
	for i, r := range batch {
		changes[i] = record.AmendRecord{ID: r.ID, Facts: r.facts, Relabel: true, Labels: r.labels, Rules: part}
	}
	_, err = l.c.Amend(ctx, batch[0].Collection, changes)
	return err
}

// digest is that of the rules in force.
func (l *labelRun) digest(ctx context.Context, collection string) (string, error) {
	col, err := l.c.holding(ctx, collection)
	if err != nil {
		return "", err
	}
	part, err := l.c.cachedPrivate(ctx, col.Log)
	if err != nil {
		return "", err
	}
	return part.Labels.Rules, nil
}

// move brings a batch of records from one collection to another. Every step first
// looks what an earlier run has done.
func (l *labelRun) move(ctx context.Context, batch []Relabeling) error {
	from, to := batch[0].Collection, batch[0].To
	news, olds := make([]string, len(batch)), make([]string, len(batch))
	for i, r := range batch {
		news[i], olds[i] = r.NewID, r.ID
	}
	copies, err := l.c.Inspect(ctx, to, news)
	if err != nil {
		return err
	}
	var missing []Relabeling
	for i, s := range copies {
		switch s.State {
		case record.InsideAbsent:
			missing = append(missing, batch[i])
		case record.InsideGone, record.InsidePartial:
			// The copy was purged before its original: the original must not
			// outlive it unnoticed, and only a person can say what to do.
			return record.Fail(record.CodeGone, batch[i].ID)
		}
	}
	if err := l.putCopies(ctx, from, to, missing); err != nil {
		return err
	}
	if copies, err = l.c.Inspect(ctx, to, news); err != nil {
		return err
	}
	var refs []record.AnchorRef
	for _, s := range copies {
		refs = append(refs, record.AnchorRef{Ref: record.Ref{Collection: to, ID: s.ID}, Hash: s.Hash})
	}
	if _, err := l.c.Anchor(ctx, l.c.settings.Region, refs); err != nil {
		return err
	}
	if err := l.carryHolds(ctx, from, to, batch); err != nil {
		return err
	}
	return l.purgeMoved(ctx, from, to, batch)
}

// putCopies puts what is not there yet.
func (l *labelRun) putCopies(ctx context.Context, from, to string, batch []Relabeling) error {
	if len(batch) == 0 {
		return nil
	}
	rules, err := l.digest(ctx, to)
	if err != nil {
		return err
	}
	bodies := make([][]byte, len(batch))
	ids := make([]string, len(batch))
	for i, r := range batch {
		rec, err := l.c.getFrom(ctx, from, r.ID)
		if errors.Is(err, ErrLimited) || errors.Is(err, ErrQuarantined) {
			rec, err = l.o.officer(l.c).getFrom(ctx, from, r.ID)
		}
		if err != nil {
			return err
		}
		bodies[i], ids[i] = rec.Bytes, r.NewID
	}
	_, err = l.c.write(ctx, to, record.OpPut, ids, func() (any, map[string][]byte, error) {
		req := record.PutRequest{Version: record.Version, Region: l.c.settings.Region, Collection: to}
		fields := make(map[string][]byte, len(batch))
		for i, r := range batch {
			req.Records = append(req.Records, record.PutRecord{
				ID: r.NewID, Seed: newSeed(), Resource: r.meta.Resource, Subjects: r.meta.Subjects, Replaces: r.meta.Replaces,
				Custody: r.meta.Custody, Labels: r.labels, Rules: rules, Facts: r.facts, Classes: r.meta.Classes,
				Terms: r.meta.Terms, MovedFrom: &record.Ref{Collection: from, ID: r.ID}, History: continued(r),
				Due: r.meta.Due, Row: r.meta.Row, RowRegion: r.meta.RowRegion,
			})
			fields[record.BodyField(i)] = bodies[i]
		}
		return req, fields, nil
	})
	return err
}

// continued is the label history of a copy: the record's, and the set that it has
// now if that changes with the move.
func continued(r Relabeling) []record.Relabel {
	m := r.meta
	if ds4p.Digest(atrest.Labels(r.labels)) == m.LabelDigest {
		return m.History
	}
	return append(slices.Clone(m.History), record.Relabel{Labels: m.Labels, Digest: m.LabelDigest, Rules: m.Rules})
}

// carryHolds sets every matter that holds a record, itself or by query, on its copy
// too. What holds a person holds the copy as well.
func (l *labelRun) carryHolds(ctx context.Context, from, to string, batch []Relabeling) error {
	ids := make([]string, 0, 2*len(batch))
	for _, r := range batch {
		ids = append(ids, r.ID)
	}
	for _, r := range batch {
		ids = append(ids, r.NewID)
	}
	holds, err := l.o.purger(l.c).Holds(ctx, HoldsQuery{Collection: from, IDs: ids, Queries: true})
	if err != nil {
		return err
	}
	matters := make(map[string][]record.Matter, len(holds))
	for _, h := range holds {
		if h.Query == nil {
			matters[h.ID] = append(matters[h.ID], h.Matters...)
			continue
		}
		for _, r := range batch {
			if slices.Contains(r.matters, h.Query.Matter.Matter) {
				matters[r.ID] = append(matters[r.ID], h.Matters...)
			}
		}
	}
	for _, r := range batch {
		for _, m := range matters[r.ID] {
			by := cmp.Or(m.First, m.SetBy)
			carried := func(x record.Matter) bool { return x.Matter == m.Matter && (x.SetBy == by || x.First == by) }
			if slices.ContainsFunc(matters[r.NewID], carried) {
				continue
			}
			_, err := l.o.officer(l.c).Hold(ctx, HoldOrder{
				Collection: to, IDs: []string{r.NewID}, Matter: m.Matter, Authority: m.Authority, Reason: m.Reason, For: by,
			})
			if err != nil {
				return err
			}
			m.First = by
			matters[r.NewID] = append(matters[r.NewID], m)
		}
	}
	return nil
}

// purgeMoved destroys the originals, those that one transaction cannot take in two
// parts.
func (l *labelRun) purgeMoved(ctx context.Context, from, to string, batch []Relabeling) error {
	rand.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
	parts := []record.Part{record.PartAll}
	if len(batch) == 1 && batch[0].Size > record.BatchBytes {
		parts = []record.Part{record.PartBody, record.PartRest}
	}
	req := record.PurgeRequest{Collection: from, Ground: record.GroundMoved}
	for _, r := range batch {
		req.IDs = append(req.IDs, r.ID)
		req.Targets = append(req.Targets, record.Target{ID: r.ID, Collection: to, To: r.NewID})
	}
	for _, part := range parts {
		req.Part = part
		if part == record.PartRest {
			req.Ground, req.Targets = record.GroundDue, nil
		}
		if _, err := l.o.purger(l.c).Purge(ctx, req); err != nil {
			return err
		}
	}
	return nil
}
