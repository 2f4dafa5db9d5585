package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
)

// Holds lie in registers: the log collections. A hold binds only what is in the
// collections of the register it was entered in, and the contract cannot say that
// it binds nothing, because looking would show others which record is meant. So
// whoever orders a hold has to know where the records are. [Client.HoldAll] and
// [Client.ReleaseAll] find out.

// HoldAll sets a legal hold wherever it has to be for the order to bind: on
// records in the register of the collection each is in, on people in every
// register of the client's organisation whose policy lets it hold records. With a
// Collection, only in the register of that one.
//
// Nothing is written when an id is of no record there: [ErrAbsent], or [ErrGone]
// for a purged one. After the commits it looks again: [ErrGone] names what was
// purged in the same moment. After any other error run it again.
func (c *Client) HoldAll(ctx context.Context, o HoldOrder) ([]TxReceipt, error) {
	if o.Query != nil {
		return c.queryEach(ctx, record.OpHold, o)
	}
	if err := o.names(); err != nil {
		return nil, err
	}
	regs, err := c.registers(ctx, o.Collection)
	if err != nil {
		return nil, err
	}
	if err := c.place(ctx, regs, o.IDs); err != nil {
		return nil, err
	}
	for _, r := range regs {
		r.subjects = o.Subjects
	}
	done, err := c.orderEach(ctx, record.OpHold, regs, o)
	if err != nil || len(o.IDs) == 0 {
		return done, err
	}
	found, err := c.Locate(ctx, o.IDs)
	if err != nil {
		return done, err
	}
	var lost []string
	for _, l := range found {
		if !l.Held || l.State.State != record.InsidePresent {
			lost = append(lost, l.ID)
		}
	}
	if len(lost) > 0 {
		return done, record.Fail(record.CodeGone, strings.Join(lost, " "))
	}
	return done, nil
}

// ReleaseAll ends a legal hold in every register of the client's organisation in
// which the matter holds what the order names, purged records included. With a
// Collection, only in the register of that one. [ErrNotHeld] when the matter holds
// some record or person of the order in none; then nothing is written.
func (c *Client) ReleaseAll(ctx context.Context, o HoldOrder) ([]TxReceipt, error) {
	if o.Query != nil {
		return c.queryEach(ctx, record.OpRelease, o)
	}
	if err := o.names(); err != nil {
		return nil, err
	}
	regs, err := c.registers(ctx, o.Collection)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, r := range regs {
		holds, err := c.Holds(ctx, HoldsQuery{Collection: r.collection, IDs: o.IDs, Subjects: o.Subjects})
		if err != nil {
			return nil, err
		}
		for _, h := range holds {
			if !slices.ContainsFunc(h.Matters, func(m record.Matter) bool { return m.Matter == o.Matter }) {
				continue
			}
			if seen[h.ID+h.Subject] = true; h.ID != "" {
				r.ids = append(r.ids, h.ID)
			} else {
				r.subjects = append(r.subjects, h.Subject)
			}
		}
	}
	var free []string
	for _, id := range o.IDs {
		if !seen[id] {
			free = append(free, id)
		}
	}
	if slices.ContainsFunc(o.Subjects, func(token string) bool { return !seen[token] }) {
		free = append(free, "subjects")
	}
	if len(free) > 0 {
		return nil, record.Fail(record.CodeNotHeld, strings.Join(free, " "))
	}
	return c.orderEach(ctx, record.OpRelease, regs, o)
}

// names refuses an order that names nothing, and would do nothing without a word.
func (o HoldOrder) names() error {
	if len(o.IDs)+len(o.Subjects) == 0 {
		return record.Fail(record.CodeInput, "the order names no record, no person and no query")
	}
	return nil
}

// register is one log collection and what is to be held in it.
type register struct {
	log, collection string // collection is one through which the log is reached
	ids, subjects   []string
}

// queryEach orders a hold by query in every collection in which the organisation
// has officers, or in Collection: such a hold is about one collection's records.
// A release of a hold that some collections do not know ends it in the others.
func (c *Client) queryEach(ctx context.Context, op string, o HoldOrder) ([]TxReceipt, error) {
	names := []string{o.Collection}
	if o.Collection == "" {
		var err error
		if names, err = c.Collections(ctx); err != nil {
			return nil, err
		}
	}
	var done []TxReceipt
	var errs []error
	var free error
	for _, name := range names {
		col, err := c.holding(ctx, name)
		if err != nil {
			return done, err
		}
		if o.Collection == "" && !col.Allows(c.settings.Org, record.RoleOfficer) {
			continue
		}
		part := o
		part.Collection = name
		tx, err := c.hold(ctx, op, part)
		switch {
		case errors.Is(err, ErrNotHeld):
			free = err
		case err != nil:
			errs = append(errs, err)
		default:
			done = append(done, tx)
		}
	}
	if len(done) == 0 && len(errs) == 0 {
		return nil, free
	}
	return done, errors.Join(errs...)
}

// registers lists those that the client's organisation may enter holds in, or the
// one of a collection.
func (c *Client) registers(ctx context.Context, collection string) ([]*register, error) {
	return c.registersFor(ctx, collection, record.RoleOfficer)
}

// registersFor is registers for another role.
func (c *Client) registersFor(ctx context.Context, collection, role string) ([]*register, error) {
	if collection != "" {
		col, err := c.holding(ctx, collection)
		if err != nil {
			return nil, err
		}
		return []*register{{log: col.Log, collection: col.Name}}, nil
	}
	names, err := c.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var out []*register
	for _, name := range names {
		col, err := c.holding(ctx, name)
		if err != nil {
			return nil, err
		}
		if col.Allows(c.settings.Org, role) && registerOf(out, col) == nil {
			out = append(out, &register{log: col.Log, collection: name})
		}
	}
	if len(out) == 0 {
		return nil, record.Fail(record.CodeForbidden, "the policy gives "+c.settings.Org+" no "+role+" in this region")
	}
	return out, nil
}

func registerOf(regs []*register, col *collections.Collection) *register {
	i := slices.IndexFunc(regs, func(r *register) bool { return r.log == col.Log })
	if i < 0 {
		return nil
	}
	return regs[i]
}

// place assigns records to the registers of the collections they are in.
func (c *Client) place(ctx context.Context, regs []*register, ids []string) error {
	found, err := c.Locate(ctx, ids)
	if err != nil {
		return err
	}
	var absent, gone []string
	for _, l := range found {
		var r *register
		if l.Collection != "" {
			col, err := c.holding(ctx, l.Collection)
			if err != nil {
				return err
			}
			r = registerOf(regs, col)
		}
		switch {
		case r == nil:
			absent = append(absent, l.ID)
		case l.State.State != record.InsidePresent:
			gone = append(gone, l.ID)
		default:
			r.ids = append(r.ids, l.ID)
		}
	}
	switch {
	case len(absent) > 0:
		return record.Fail(record.CodeAbsent, strings.Join(absent, " "))
	case len(gone) > 0:
		return record.Fail(record.CodeGone, strings.Join(gone, " "))
	}
	return nil
}

// orderEach sends one order to each register that has a part in it. A register out
// of reach does not keep the others from theirs.
func (c *Client) orderEach(ctx context.Context, op string, regs []*register, o HoldOrder) ([]TxReceipt, error) {
	var done []TxReceipt
	var errs []error
	for _, r := range regs {
		if len(r.ids)+len(r.subjects) == 0 {
			continue
		}
		part := o
		part.Collection, part.IDs, part.Subjects = r.collection, r.ids, r.subjects
		tx, err := c.hold(ctx, op, part)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, tx)
	}
	return done, errors.Join(errs...)
}
