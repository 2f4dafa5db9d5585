package gateway

import (
	"context"
	"errors"
	"slices"

	"domicile/chaincode/record"
)

// Facts records dated events about people in the register that a collection's log
// is: what is there already stays, nothing is overwritten. The role is writer, or
// officer for erasure requests, discontinued programmes and facts withdrawn. More
// people or facts than one transaction carries go in several; after an error run it
// again.
func (c *Client) Facts(ctx context.Context, collection string, subjects []record.SubjectFacts) ([]TxReceipt, error) {
	collection, err := c.orFirst(ctx, collection)
	if err != nil {
		return nil, err
	}
	var parts []record.SubjectFacts
	for _, s := range subjects {
		for chunk := range slices.Chunk(s.Facts, record.MaxFacts) {
			parts = append(parts, record.SubjectFacts{Subject: s.Subject, Facts: chunk})
		}
	}
	var done []TxReceipt
	for len(parts) > 0 {
		n, seen := 0, map[string]bool{}
		for n < len(parts) && n < record.MaxRecords && !seen[parts[n].Subject] {
			seen[parts[n].Subject] = true
			n++
		}
		batch := parts[:n]
		r, err := c.write(ctx, collection, record.OpFacts, nil, func() (any, map[string][]byte, error) {
			return record.FactsRequest{
				Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(), Subjects: batch,
			}, nil, nil
		})
		if err != nil {
			return done, err
		}
		done, parts = append(done, r), parts[n:]
	}
	return done, nil
}

// FactsAll is Facts in every register of the client's organisation: an event about
// a person bears on all records about that person.
func (c *Client) FactsAll(ctx context.Context, subjects []record.SubjectFacts) ([]TxReceipt, error) {
	return c.inEach(ctx, "", record.RoleWriter, func(collection string) ([]TxReceipt, error) {
		return c.Facts(ctx, collection, subjects)
	})
}

// FactsOf returns the facts about people, in the order of the tokens, from the
// register of a collection (default: the first that the organisation holds alone).
func (c *Client) FactsOf(ctx context.Context, collection string, subjects []string) ([]record.SubjectFacts, error) {
	collection, err := c.orFirst(ctx, collection)
	if err != nil {
		return nil, err
	}
	out := make([]record.SubjectFacts, 0, len(subjects))
	for chunk := range slices.Chunk(subjects, record.MaxRecords) {
		var part []record.SubjectFacts
		err := c.readInto(ctx, collection, record.OpFactsOf, record.FactsOfRequest{
			Version: record.Version, Region: c.settings.Region, Collection: collection, Subjects: chunk,
		}, &part)
		if err != nil {
			return nil, err
		}
		if !slices.EqualFunc(part, chunk, func(s record.SubjectFacts, token string) bool { return s.Subject == token }) {
			return nil, record.Fail(record.CodeInternal, "the peer's answer about facts is about other people")
		}
		out = append(out, part...)
	}
	return out, nil
}

// LimitOrder is an order to restrict access to what concerns people, or to lift
// such a restriction.
type LimitOrder struct {
	Collection string   // as in [HoldOrder]
	Subjects   []string // tokens
	Lift       bool
	Reference  string // the case's, 1 to 200 bytes
	Authority  string
	Reason     string
}

// Limit restricts access in every register of the organisation, or in that of
// Collection: readers and writers are refused ([ErrLimited]), officers and auditors
// are not. Lifting needs another officer than the one who set it ([ErrSamePerson]).
func (c *Client) Limit(ctx context.Context, o LimitOrder) ([]TxReceipt, error) {
	return c.inEach(ctx, o.Collection, record.RoleOfficer, func(collection string) ([]TxReceipt, error) {
		r, err := c.write(ctx, collection, record.OpLimit, nil, func() (any, map[string][]byte, error) {
			return record.LimitRequest{
				Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(),
				Subjects: o.Subjects, Lift: o.Lift, Reference: o.Reference, Authority: o.Authority, Reason: o.Reason,
			}, nil, nil
		})
		return committed(r, err)
	})
}

// CaseOrder opens, approves or closes a case of forced erasure.
type CaseOrder struct {
	Collection string // as in [HoldOrder]
	Case       string // the holder's reference, 1 to 200 bytes
	Action     string // record.CaseOpen, CaseApprove or CaseClose
	Law        string
	Subjects   []string // tokens; to open
	Received   string   // YYYY-MM-DD; to open
	Deadline   string   // YYYY-MM-DD; to open
	Others     bool     // to open: also records that are about people whom Subjects does not name
	Authority  string
	Reason     string
}

// Case acts on a case in every register of the organisation, or in that of
// Collection. Approval needs another officer than the opener ([ErrSamePerson]).
// Registers that do not know the case are left out, unless none does ([ErrNoCase]).
func (c *Client) Case(ctx context.Context, o CaseOrder) ([]TxReceipt, error) {
	unknown, known := error(nil), false
	done, err := c.inEach(ctx, o.Collection, record.RoleOfficer, func(collection string) ([]TxReceipt, error) {
		r, err := c.write(ctx, collection, record.OpCase, nil, func() (any, map[string][]byte, error) {
			return record.CaseRequest{
				Version: record.Version, Region: c.settings.Region, Collection: collection, Seed: newSeed(),
				Case: o.Case, Action: o.Action, Law: o.Law, Subjects: o.Subjects,
				Received: o.Received, Deadline: o.Deadline, Others: o.Others, Authority: o.Authority, Reason: o.Reason,
			}, nil, nil
		})
		if errors.Is(err, ErrNoCase) {
			unknown = err
			return nil, nil
		}
		known = true
		return committed(r, err)
	})
	if !known && unknown != nil {
		return nil, unknown
	}
	return done, err
}

// CaseOf returns a case of forced erasure. [ErrNoCase] when there is none.
func (c *Client) CaseOf(ctx context.Context, collection, reference string) (*record.Case, error) {
	collection, err := c.orFirst(ctx, collection)
	if err != nil {
		return nil, err
	}
	var doc record.Case
	err = c.readInto(ctx, collection, record.OpCases, record.CasesRequest{
		Version: record.Version, Region: c.settings.Region, Collection: collection, Case: reference,
	}, &doc)
	if err != nil {
		return nil, err
	}
	return &doc, nil
}

// committed is a list of one transaction, empty when that was refused.
func committed(r TxReceipt, err error) ([]TxReceipt, error) {
	if err != nil {
		return nil, err
	}
	return []TxReceipt{r}, nil
}

// inEach calls f for each register of the organisation in which a role may act,
// through a collection of it. One out of reach does not keep the others from theirs.
func (c *Client) inEach(ctx context.Context, collection, role string, f func(collection string) ([]TxReceipt, error)) ([]TxReceipt, error) {
	regs, err := c.registersFor(ctx, collection, role)
	if err != nil {
		return nil, err
	}
	var done []TxReceipt
	var errs []error
	for _, r := range regs {
		part, err := f(r.collection)
		if done = append(done, part...); err != nil {
			errs = append(errs, err)
		}
	}
	return done, errors.Join(errs...)
}
