package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"golang.org/x/sync/semaphore"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

// ImportOptions says how [Client.Import] reads and places its input. The zero
// value splits Bundles, routes by label and names the import by its content.
type ImportOptions struct {
	// Name names the import. The ids of its records follow from it and from the
	// register (log collection) they go to, so a second run under the same name
	// continues the first, and the same name elsewhere makes other ids. Defaults to
	// the hex SHA-256 of all bytes of the input.
	Name string
	// Collection is where the records go. Defaults to where the holder's routing
	// table sends their labels.
	Collection string
	// Replaces is the id of the record that the input, a single resource, replaces.
	// Labels that this one has from a person or a source fact are carried forward.
	Replaces string
	// Part2 declares that the records are of a Part 2 programme (42 CFR part 2).
	Part2 bool
	// Classes are retention classes that the custodian gives the records.
	Classes []string
	// Terms are those of copies held for others; only in a collection that several
	// organisations hold.
	Terms *record.Terms
	// Whole keeps a Bundle in one record instead of one for each entry.
	Whole bool
	// NoAnchor leaves the records unanchored. By default the import ends when
	// all of its records are anchored.
	NoAnchor bool
	// Progress, when set, is called after each record, from one goroutine at a
	// time.
	Progress func(ImportProgress)
}

// ImportProgress counts records and bytes of an import that are done: put,
// found, or refused.
type ImportProgress struct {
	Done, Total int
	Bytes       int64
}

// Receipt tells what became of one record of an import.
type Receipt struct {
	ID         string `json:"id"`
	Collection string `json:"collection"`
	// TxID and Block are of the transaction that put the record, whether in this
	// run or an earlier one.
	TxID  string `json:"txId,omitempty"`
	Block uint64 `json:"block,omitempty"`
	// Hash is the anchor hash, see [record.Hash].
	Hash     string   `json:"hash,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Already: the very bytes were there before.
	Already bool `json:"already,omitempty"`
	// Held: a hold on the record, on a person it is about or by query takes it, as read
	// after the commit. A warning says when that could not be read.
	Held bool `json:"held,omitempty"`
	// Gone: the record was purged; it is not put back.
	Gone bool `json:"gone,omitempty"`
	// MovedFrom is the id under which the import first stored the record, when it
	// has moved to another collection of the holder since.
	MovedFrom string `json:"movedFrom,omitempty"`
	// Ordinal is the place in the input, from 0, as in [fhir.Entry].
	Ordinal int `json:"-"`
}

// Import puts FHIR resources (one, a Bundle, or NDJSON) and yields what became of
// each, in input order, as soon as its transaction is committed.
//
// The input is read three times: first it is checked as a whole, so that nothing is
// sent of one that breaks a rule ([ErrInput], [ErrTooLarge]); then what it states
// about people that retention depends on (births, last encounters, consents) is
// recorded, as far as the register does not have it; then it is streamed in bounded
// memory, a few transactions at a time. Each resource is labelled by the rules that
// the holder's private part names ([WithRules], [ErrRules]), checked against FHIR R4
// where the collection asks for it ([WithValidator]), and routed by type and labels. Running the same import again,
// after any interruption, puts what is missing and reports the rest as Already or
// Gone.
//
// A record that is refused for itself ([ErrIDReused], [ErrBadResource],
// [ErrWrongCollection], [ErrTooLarge], [ErrInvalidFHIR], [ErrUnknownLabel],
// [ErrBadLabels], too many subjects) is yielded with its error and the import goes on. Any other error ends the sequence. Unless NoAnchor
// is set, the sequence ends when all records are anchored; those that could not be
// are yielded once more, with the error.
func (c *Client) Import(ctx context.Context, r io.ReadSeeker, o ImportOptions) iter.Seq2[Receipt, error] {
	return func(yield func(Receipt, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		m, err := c.newImporter(ctx, r, o)
		if err != nil {
			yield(Receipt{}, err)
			return
		}
		go func() {
			defer close(m.results)
			m.produce(ctx, r)
		}()
		defer func() {
			cancel()
			for range m.results { // let the workers see that it is over
			}
		}()
		if m.deliver(ctx, yield) && !o.NoAnchor {
			m.awaitAnchors(ctx, yield)
		}
	}
}

// importer is one run of Import.
type importer struct {
	c       *Client
	o       ImportOptions
	key     []byte
	name    string
	sum     *fhir.Summary
	region  *collections.Region
	around  []*collections.Region // region and those it lies within
	private *collections.Private  // of the register the records go to
	labels  *labeler
	facts   factBook
	consent map[string]bool // people with an active Part 2 consent in the input
	shell   *labeling.Shell // what the input's Bundle says of its entries
	forward []ds4p.Label    // from the record that this one replaces
	today   fhir.Date

	results chan []outcome
	window  chan struct{} // one token for each record between reader and consumer
	flight  *semaphore.Weighted
	blocks  sync.Map // transaction id -> block number
	tracker tracker
}

// outcome is what became of the seq-th record. last ends the import.
type outcome struct {
	seq     int
	receipt Receipt
	size    int
	err     error
	last    bool
}

// maxWindow is how many records may be between the reader and the consumer.
const maxWindow = 40 * record.BatchRecords

func (c *Client) newImporter(ctx context.Context, r io.ReadSeeker, o ImportOptions) (*importer, error) {
	m := &importer{
		c: c, o: o, results: make(chan []outcome), window: make(chan struct{}, maxWindow),
		flight:  semaphore.NewWeighted(int64(c.opt.inFlight) * record.BatchBytes),
		consent: make(map[string]bool),
	}
	var err error
	if m.key, err = c.needIndexKey(); err != nil {
		return nil, err
	}
	if o.Replaces != "" && record.CheckID(o.Replaces) != nil {
		return nil, record.Fail(record.CodeInput, "replaces: "+record.ErrBadID.Error())
	}
	if m.sum, err = fhir.Inspect(r, fhir.SplitOptions{Whole: o.Whole}); err != nil {
		return nil, inputError(err)
	}
	if _, err = r.Seek(0, io.SeekStart); err != nil {
		return nil, inputError(err)
	}
	if o.Replaces != "" && m.sum.Records != 1 {
		return nil, record.Fail(record.CodeInput, "replaces: only a single record can replace one")
	}
	if err := m.place(ctx); err != nil {
		return nil, err
	}
	if m.labels, err = c.newLabeler(m.private); err != nil {
		return nil, err
	}
	if err := m.checkValidation(); err != nil {
		return nil, err
	}
	if o.Replaces != "" {
		if m.forward, err = c.replaced(ctx, o.Replaces); err != nil {
			return nil, err
		}
	}
	m.shell = labeling.NewShell(m.sum.Shell)
	m.name, m.today = m.scopedName(m.private.Log), m.labels.today()
	if err := m.learn(ctx, r); err != nil {
		return nil, err
	}
	return m, nil
}

// place finds the register that the records go to, and its private part.
func (m *importer) place(ctx context.Context) error {
	var err error
	if m.region, err = m.c.ownRegion(ctx); err != nil {
		return err
	}
	p, err := m.c.cachedPolicy(ctx)
	if err != nil {
		return err
	}
	m.around = p.Around(m.region.Name)
	if m.o.Collection == "" {
		return m.loadRoutes(ctx)
	}
	col, err := m.c.holding(ctx, m.o.Collection)
	if err != nil {
		return err
	}
	m.facts = factBook{c: m.c, collection: col.Name}
	m.private, err = m.c.cachedPrivate(ctx, col.Log)
	return err
}

// scopedName is what ids follow from: the import's name, by default the digest of
// the input with what else decides which records it becomes, and the register that
// the records will lie in. Two holders that store the same file under the same index
// key must not show it by equal ids, which are public, and one of two anchors of an
// id would stand for both.
func (m *importer) scopedName(log string) string {
	name := m.o.Name
	if name == "" {
		name = hex.EncodeToString(m.sum.SHA256[:])
		if m.o.Whole && m.sum.Kind != fhir.KindResource {
			name += "/whole"
		}
	}
	return log + "/" + name
}

// loadRoutes fetches the routing table of the holder's own collections.
func (m *importer) loadRoutes(ctx context.Context) error {
	for _, col := range m.region.Collections {
		if !col.IsLog() && len(col.Members) == 1 && col.Holds(m.c.settings.Org) {
			var err error
			m.facts = factBook{c: m.c, collection: col.Name}
			m.private, err = m.c.cachedPrivate(ctx, col.Log)
			return err
		}
	}
	return record.Fail(record.CodeForbidden, m.c.settings.Org+" holds no collection alone in region "+m.region.Name+"; name one")
}

// deliver yields outcomes in input order. It reports whether the whole input was
// delivered and the consumer wants to go on.
func (m *importer) deliver(ctx context.Context, yield func(Receipt, error) bool) bool {
	waiting := make(map[int]outcome)
	next, progress := 0, ImportProgress{Total: m.sum.Records}
	for batch := range m.results {
		for _, x := range batch {
			waiting[x.seq] = x
		}
		for {
			x, ok := waiting[next]
			if !ok {
				break
			}
			delete(waiting, next)
			next++
			if x.last {
				yield(x.receipt, x.err)
				return false
			}
			progress.Done++
			progress.Bytes += int64(x.size)
			if m.o.Progress != nil {
				m.o.Progress(progress)
			}
			if !yield(x.receipt, x.err) {
				return false
			}
			<-m.window
		}
	}
	if next < m.sum.Records {
		err := ctx.Err()
		if err == nil {
			err = inputError(fhir.ErrChanged)
		}
		yield(Receipt{}, err)
		return false
	}
	return true
}

// inputError keeps the place and the rule, which hold no value of the input.
func inputError(err error) error {
	code := record.CodeInput
	if reason, ok := fhir.ReasonOf(err); ok && reason == fhir.TooLarge {
		code = record.CodeTooLarge
	}
	var se *fhir.SyntaxError
	if errors.As(err, &se) {
		return fmt.Errorf("%w%w", record.Fail(code, ""), err)
	}
	return fmt.Errorf("%wreading the input: %w", record.Fail(code, ""), err)
}
