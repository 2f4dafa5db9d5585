package gateway

import (
	"context"
	"errors"
	"iter"
	"slices"

	"domicile/chaincode/record"
)

// LogQuery chooses entries of a holder's log: what was done, by whom, when and why.
type LogQuery struct {
	// Collection is any record collection of the holder whose log is meant. Defaults to
	// the logs of all that the client's organisation holds.
	Collection string
	Ops        []string // only these of [record.LogOps]; none: all
	From, To   string   // first and last day, YYYY-MM-DD in UTC; empty: no bound
}

// Logged is one entry of a log.
type Logged struct {
	Log string `json:"log"` // the log collection
	record.LogEntry
}

// Log yields what the logs of the client's organisation have, log by log, each oldest
// first. The role is officer or auditor; [ErrForbidden] when it may not read one of
// them. An error ends the sequence: what came before it is not the whole.
func (c *Client) Log(ctx context.Context, q LogQuery) iter.Seq2[Logged, error] {
	return func(yield func(Logged, error) bool) {
		logs, err := c.logsOf(ctx, q.Collection)
		if err != nil {
			yield(Logged{}, err)
			return
		}
		for _, j := range logs {
			more, err := c.logVia(ctx, j, q, yield)
			if err != nil {
				yield(Logged{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// journal is a log collection and the record collections through which it is read.
type journal struct {
	log string
	via []string
}

// logsOf lists the logs of the collections that the client's organisation holds, or of
// the one named, which somebody of it may read by the policy.
func (c *Client) logsOf(ctx context.Context, collection string) ([]journal, error) {
	names := []string{collection}
	if collection == "" {
		var err error
		if names, err = c.Collections(ctx); err != nil {
			return nil, err
		}
	}
	var out []journal
	for _, name := range names {
		col, err := c.holding(ctx, name)
		if err != nil {
			return nil, err
		}
		if !col.Allows(c.settings.Org, record.RoleOfficer) && !col.Allows(c.settings.Org, record.RoleAuditor) {
			continue
		}
		i := slices.IndexFunc(out, func(j journal) bool { return j.log == col.Log })
		if i < 0 {
			i = len(out)
			out = append(out, journal{log: col.Log})
		}
		out[i].via = append(out[i].via, name)
	}
	if len(out) == 0 {
		return nil, record.Fail(record.CodeForbidden, "the policy gives "+c.settings.Org+" neither officer nor auditor here")
	}
	return out, nil
}

// logVia reads a log to its end. more is false once the consumer has enough.
func (c *Client) logVia(ctx context.Context, j journal, q LogQuery, yield func(Logged, error) bool) (more bool, err error) {
	req := record.LogRequest{Version: record.Version, Region: c.settings.Region, Ops: q.Ops, From: q.From, To: q.To}
	for {
		page, err := c.logPage(ctx, j.via, req)
		if err != nil {
			return false, err
		}
		for _, e := range page.Entries {
			if !yield(Logged{j.log, e}, nil) {
				return false, nil
			}
		}
		switch {
		case page.Next == "":
			return true, nil
		case page.Next <= req.After:
			return false, record.Fail(record.CodeInternal, "the pages of "+j.log+" do not advance")
		}
		req.After = page.Next
	}
}

// logPage asks through the first collection where the client's role may.
func (c *Client) logPage(ctx context.Context, via []string, req record.LogRequest) (page record.LogPage, err error) {
	for _, name := range via {
		req.Collection, page = name, record.LogPage{}
		if err = c.readInto(ctx, name, record.OpLog, req, &page); !errors.Is(err, ErrForbidden) {
			break
		}
	}
	return page, err
}
