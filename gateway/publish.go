package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"domicile/chaincode/record"
)

// publishTries is how often one group of records is sent. Endorsers in other
// regions may be a few blocks behind, so that they do not know of a record yet. With
// the default pauses they get about five seconds to catch up.
const publishTries = 7

// publisher sends anchors or tombstones and splits what cannot go together.
type publisher struct {
	c        *Client
	function string
	region   string
	last     TxReceipt
	errs     []error
}

// group is sent in one transaction; tries counts what was made of it before.
type group struct {
	refs  []record.AnchorRef
	tries int
}

func (p *publisher) run(ctx context.Context, refs []record.AnchorRef) (TxReceipt, error) {
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	if err := checkIDs(ids); err != nil {
		return TxReceipt{}, err
	}
	var work []group
	for chunk := range slices.Chunk(refs, record.MaxRecords) {
		work = append(work, group{refs: chunk})
	}
	for len(work) > 0 {
		g := work[0]
		work = append(work[1:], p.try(ctx, g)...)
	}
	return p.last, errors.Join(p.errs...)
}

// try sends one group and returns what has to be sent again.
func (p *publisher) try(ctx context.Context, g group) []group {
	if g.tries > 0 {
		if err := p.c.pause(ctx, g.tries); err != nil {
			p.fail(g.refs, err)
			return nil
		}
		if g.refs = p.settle(ctx, g.refs); len(g.refs) == 0 {
			return nil
		}
	}
	r, err := p.submit(ctx, g.refs)
	if err == nil {
		p.last = r
		return nil
	}
	g.tries++
	p.c.log.Info("publishing again", "function", p.function, "records", len(g.refs), "tries", g.tries, "code", record.CodeOf(err))
	if ctx.Err() != nil || !p.again(record.CodeOf(err)) {
		return p.without(g, err)
	}
	if g.tries >= publishTries {
		return p.without(g, err)
	}
	return split(g, IDs(err))
}

// again reports whether waiting may help: an endorser was behind, or another
// transaction touched the same keys.
func (p *publisher) again(c record.Code) bool {
	switch c {
	case record.CodeAbsent, record.CodeConflict, record.CodeUnknown, record.CodeMissingData, record.CodeUnavailable, record.CodeTimeout:
		return true
	case record.CodeLive:
		return p.function == record.FuncTombstone
	}
	return false
}

// without gives up the records that the error names, all of them when it names
// none, and keeps the rest.
func (p *publisher) without(g group, err error) []group {
	bad := IDs(err)
	named := slices.ContainsFunc(g.refs, func(r record.AnchorRef) bool { return slices.Contains(bad, r.ID) })
	if !named {
		p.fail(g.refs, err)
		return nil
	}
	keep := slices.DeleteFunc(slices.Clone(g.refs), func(r record.AnchorRef) bool { return slices.Contains(bad, r.ID) })
	p.fail(slices.DeleteFunc(slices.Clone(g.refs), func(r record.AnchorRef) bool { return !slices.Contains(bad, r.ID) }), err)
	if len(keep) == 0 {
		return nil
	}
	return []group{{refs: keep}}
}

// split separates the records that an error names from the others; when it names
// none or all, it halves the group.
func split(g group, bad []string) []group {
	if len(g.refs) < 2 {
		return []group{g}
	}
	var named, rest []record.AnchorRef
	for _, r := range g.refs {
		if slices.Contains(bad, r.ID) {
			named = append(named, r)
		} else {
			rest = append(rest, r)
		}
	}
	switch {
	case len(named) == 0:
		half := len(rest) / 2
		return []group{{rest[:half], g.tries}, {rest[half:], g.tries}}
	case len(rest) == 0:
		return []group{g} // all of them: behind, so wait together
	}
	return []group{{rest, 0}, {named, g.tries}}
}

// settle reads what is public of records and takes out those that need no more:
// published already, or never to be.
func (p *publisher) settle(ctx context.Context, refs []record.AnchorRef) []record.AnchorRef {
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	proofs, err := p.c.Proof(ctx, ids, From(p.c.settings.Region))
	if err != nil || len(proofs) != len(refs) {
		return refs
	}
	var left []record.AnchorRef
	for i, r := range refs {
		switch x := proofs[i]; {
		case x.Collection != r.Collection:
			left = append(left, r)
		case x.State == record.StatePurged && p.function == record.FuncTombstone:
			p.note(x.TombstoneTx)
		case x.State == record.StatePurged:
			p.fail([]record.AnchorRef{r}, record.Fail(record.CodeGone, r.ID))
		case x.State == record.StateActive && p.function == record.FuncAnchor && x.Hash == r.Hash:
			p.note(x.TxID)
		case x.State == record.StateActive && p.function == record.FuncAnchor:
			p.fail([]record.AnchorRef{r}, record.Fail(record.CodeMismatch, r.ID))
		default:
			left = append(left, r)
		}
	}
	return left
}

// note keeps the transaction that published a record, when it was not ours to
// see committed.
func (p *publisher) note(txID string) {
	if p.last.TxID == "" {
		p.last = TxReceipt{TxID: txID}
	}
}

func (p *publisher) fail(refs []record.AnchorRef, err error) {
	named := len(IDs(err)) > 0
	for _, r := range refs {
		if named {
			err = record.Fail(record.CodeOf(err), r.ID) // its own id, not everybody's
		}
		p.errs = append(p.errs, &IDError{r.ID, err})
	}
}

// submit sends one transaction. It names no organisations, so that the gateway
// plans it across regions; it holds ids and hashes only.
func (p *publisher) submit(ctx context.Context, refs []record.AnchorRef) (TxReceipt, error) {
	var request any = record.AnchorRequest{Version: record.Version, Region: p.region, Records: refs}
	if p.function == record.FuncTombstone {
		t := record.TombstoneRequest{Version: record.Version, Region: p.region}
		for _, r := range refs {
			t.Records = append(t.Records, r.Ref)
		}
		request = t
	}
	arg, err := json.Marshal(request)
	if err != nil {
		return TxReceipt{}, err
	}
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.ID
	}
	return p.c.submitOnce(ctx, &call{function: p.function, args: []string{string(arg)}, ids: ids, peers: p.c.region})
}
