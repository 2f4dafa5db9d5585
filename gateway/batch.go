package gateway

import (
	"context"
	"io"
	"sync"

	"domicile/chaincode/record"
	"domicile/chaincode/record/atrest"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
)

// item is one record on its way into a collection.
type item struct {
	seq        int // place among the records of the input
	ordinal    int // place in the input; decides the id
	id         string
	collection string
	resource   *fhir.Resource
	token      string
	subjects   []string
	labels     []record.Label // at rest
	facts      []record.Fact  // about its people
	warnings   []string
}

func (x *item) receipt() Receipt {
	return Receipt{ID: x.id, Collection: x.collection, Ordinal: x.ordinal}
}

func (x *item) outcome(r Receipt, err error) outcome {
	return outcome{seq: x.seq, receipt: r, size: len(x.resource.Raw), err: err}
}

// batch is what travels in one put transaction: one collection's records.
type batch struct {
	items []*item
	bytes int
}

// maxWait is how many records may follow one before its batch is sent, full or
// not. It is far below maxWindow.
const maxWait = 4 * record.BatchRecords

// produce reads the input, makes batches and puts them, several at a time. It
// returns once all of them are done.
func (m *importer) produce(ctx context.Context, r io.Reader) {
	var work sync.WaitGroup
	defer work.Wait()
	open := make(map[string]*batch)
	flush := func(collection string) bool {
		b := open[collection]
		if b == nil {
			return true
		}
		delete(open, collection)
		weight := min(max(int64(b.bytes), record.BatchBytes), int64(m.c.opt.inFlight)*record.BatchBytes)
		if m.flight.Acquire(ctx, weight) != nil {
			return false
		}
		work.Go(func() {
			defer m.flight.Release(weight)
			m.report(ctx, m.put(ctx, b.items))
		})
		return true
	}
	flushAll := func() bool {
		for name := range open {
			if !flush(name) {
				return false
			}
		}
		return true
	}
	seq := 0
	for e, err := range fhir.Split(r, m.sum) {
		if err != nil {
			flushAll()
			m.report(ctx, []outcome{{seq: seq, err: inputError(err), last: true}})
			return
		}
		if e.Skipped != "" {
			continue
		}
		if !m.admit(ctx) {
			return
		}
		x, err := m.prepare(ctx, e, seq)
		seq++
		if err != nil {
			o := x.outcome(x.receipt(), err)
			o.last = !ofRecord(record.CodeOf(err))
			m.report(ctx, []outcome{o})
			if o.last {
				return
			}
			continue
		}
		if b := open[x.collection]; b != nil && (len(b.items) >= record.BatchRecords || b.bytes+len(e.Raw) > record.BatchBytes) {
			if !flush(x.collection) {
				return
			}
		}
		b := open[x.collection]
		if b == nil {
			b = new(batch)
			open[x.collection] = b
		}
		b.items = append(b.items, x)
		b.bytes += len(e.Raw)
		for name, b := range open { // nothing waits long for its batch to fill
			if seq-b.items[0].seq >= maxWait && !flush(name) {
				return
			}
		}
	}
	flushAll()
}

// admit takes a place in the window between reader and consumer. The consumer
// never waits for a batch that is still open while the reader waits here: every
// open batch is younger than the window is long.
func (m *importer) admit(ctx context.Context) bool {
	select {
	case m.window <- struct{}{}:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// report hands outcomes to the consumer, who may have gone.
func (m *importer) report(ctx context.Context, out []outcome) {
	select {
	case m.results <- out:
	case <-ctx.Done():
		// The consumer drains results until it is closed, so that this send
		// ends too; a context that ended must still be told.
		m.results <- out
	}
}

// prepare gives a record its id, tokens, labels and collection.
func (m *importer) prepare(ctx context.Context, e fhir.Entry, seq int) (*item, error) {
	x := &item{
		seq: seq, ordinal: e.Ordinal, resource: e.Resource,
		id:         record.ImportID(m.key, m.name, e.Ordinal, 0),
		collection: m.o.Collection,
		token:      resourceToken(m.key, e.Resource),
		subjects:   subjectTokens(m.key, m.resolve, e.Resource, e.FullURL),
	}
	out := m.labels.label(e.Resource, m.source(e, x.subjects))
	x.labels = atrest.Stored(out.Labels)
	if x.collection == "" {
		x.collection = m.private.Route(e.Resource.Type, ds4p.Codings(out.Labels))
	}
	if len(x.subjects) > record.MaxSubjects {
		return x, coded(record.CodeInput, "%s: is about more than %d people and identifiers", x.id, record.MaxSubjects)
	}
	if len(e.Raw) > record.MaxBody {
		return x, record.Fail(record.CodeTooLarge, x.id)
	}
	if m.private.Setting(x.collection).Unknown == collections.UnknownQuarantine && m.labels.unknown(out.Labels) {
		x.warnings = append(x.warnings, "quarantined: carries a label that nobody here knows")
	}
	if out.Unlabelled > 0 {
		x.warnings = append(x.warnings, "has codes that the labelling rules could not judge; see domicile label explain")
	}
	return x, m.validate(ctx, x)
}

// notes says what a person should know about a record that is accepted.
func (m *importer) notes(x *item) []string {
	end, _ := x.resource.EndDateIn(m.labels.zone)
	why := collections.Assess(collections.Case{
		Regions: m.around, Private: m.private, Type: x.resource.Type, Labels: ds4p.Codings(atrest.Labels(x.labels)),
		Declared: m.o.Classes, End: end, Facts: assessable(x.facts),
	})
	if why.Verdict != collections.VerdictDue || why.Due.Compare(m.today) > 0 {
		return x.warnings
	}
	return append(x.warnings[:len(x.warnings):len(x.warnings)], "already past its retention; due at once")
}
