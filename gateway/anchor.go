package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"domicile/chaincode/record"
)

// Anchor publishes the hashes of records of a region, after endorsers of at least
// two regions compared each with their own state. Records that are anchored
// already are left as they are. Those that cannot be anchored do not keep the
// others from it; their errors come joined, each an [*IDError]. The receipt is
// that of the last transaction, zero when none was needed.
func (c *Client) Anchor(ctx context.Context, region string, refs []record.AnchorRef) (TxReceipt, error) {
	p := &publisher{c: c, function: record.FuncAnchor, region: region}
	return p.run(ctx, refs)
}

// Tombstone publishes that records of the client's region are gone, after
// endorsers of at least two regions found each gone in their own state. Records
// that have a tombstone are left as they are. Otherwise like [Client.Anchor].
func (c *Client) Tombstone(ctx context.Context, refs []record.Ref) (TxReceipt, error) {
	p := &publisher{c: c, function: record.FuncTombstone, region: c.settings.Region}
	all := make([]record.AnchorRef, len(refs))
	for i, r := range refs {
		all[i].Ref = r
	}
	return p.run(ctx, all)
}

// queued is one anchor waiting in the coalescer.
type queued struct {
	ref  record.AnchorRef
	done func(error)
}

// coalescer collects anchors of the client's region and sends them in batches.
type coalescer struct {
	c     *Client
	slots chan struct{} // one for each anchor queued or under way

	mu    sync.Mutex
	queue []queued
	timer *time.Timer // runs while queue is not empty
}

// flushLimit bounds one batch of anchors. It is reached only when orderers
// accepted a transaction and no peer ever reports its commit.
const flushLimit = 10 * time.Minute

func newCoalescer(c *Client) *coalescer {
	return &coalescer{c: c, slots: make(chan struct{}, 20*DefaultAnchorBatch)}
}

// add queues one anchor; done is called once with what became of it. It waits
// while too many are under way.
func (q *coalescer) add(ctx context.Context, ref record.AnchorRef, done func(error)) error {
	if q.c.ctx.Err() != nil {
		return errClosed
	}
	select {
	case q.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-q.c.ctx.Done():
		return errClosed
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, queued{ref, done})
	switch {
	case len(q.queue) >= q.c.opt.anchorBatch:
		q.flushLocked()
	case len(q.queue) == 1:
		q.timer = time.AfterFunc(q.c.opt.anchorWait, q.flush)
	}
	return nil
}

func (q *coalescer) flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushLocked()
}

func (q *coalescer) flushLocked() {
	if q.timer != nil {
		q.timer.Stop()
	}
	batch := q.queue
	q.queue = nil
	if len(batch) == 0 || q.c.background(func(ctx context.Context) { q.send(ctx, batch) }) {
		return
	}
	for _, x := range batch {
		x.done(errClosed)
		<-q.slots
	}
}

// send anchors one batch and tells each of its owners the result.
func (q *coalescer) send(ctx context.Context, batch []queued) {
	ctx, cancel := context.WithTimeout(ctx, flushLimit)
	defer cancel()
	refs := make([]record.AnchorRef, len(batch))
	for i, x := range batch {
		refs[i] = x.ref
	}
	_, err := q.c.Anchor(ctx, q.c.settings.Region, refs)
	failed := make(map[string]error)
	for _, e := range IDErrors(err) {
		failed[e.ID] = e.Err
	}
	for _, x := range batch {
		e := failed[x.ref.ID]
		if e == nil && err != nil && len(failed) == 0 {
			e = err
		}
		x.done(e)
		<-q.slots
	}
}

var errClosed = errors.New("the client is closed")

// tracker counts the anchors of one import.
type tracker struct {
	mu     sync.Mutex
	open   int
	failed []Receipt
	errs   []error
	idle   chan struct{} // closed when open is 0 and somebody waits
}

func (m *importer) anchor(ctx context.Context, ref record.AnchorRef) error {
	t := &m.tracker
	t.mu.Lock()
	t.open++
	t.mu.Unlock()
	done := func(err error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.open--; t.open == 0 && t.idle != nil {
			close(t.idle)
			t.idle = nil
		}
		if err != nil {
			t.failed = append(t.failed, Receipt{ID: ref.ID, Collection: ref.Collection, Hash: ref.Hash})
			t.errs = append(t.errs, err)
		}
	}
	err := m.c.anchors.add(ctx, ref, done)
	if err != nil {
		done(nil)
	}
	return err
}

// awaitAnchors waits for all anchors of the import and yields those that failed.
func (m *importer) awaitAnchors(ctx context.Context, yield func(Receipt, error) bool) {
	t := &m.tracker
	t.mu.Lock()
	var idle chan struct{}
	if t.open > 0 {
		idle = make(chan struct{})
		t.idle = idle
	}
	t.mu.Unlock()
	if idle != nil {
		m.c.anchors.flush()
		select {
		case <-idle:
		case <-ctx.Done():
			yield(Receipt{}, ctx.Err())
			return
		}
	}
	t.mu.Lock()
	failed, errs := t.failed, t.errs
	t.mu.Unlock()
	for i, r := range failed {
		if !yield(r, errs[i]) {
			return
		}
	}
}
