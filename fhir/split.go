package fhir

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Entry is one record of an input, or an entry of a Bundle that becomes none.
type Entry struct {
	// Raw is the resource, exactly as the input has it, in memory of its own. An
	// input that is one record comes whole, white space around it included.
	Raw []byte
	// Resource is the view of Raw, nil for a skipped entry.
	Resource *Resource
	// FullURL is the entry's fullUrl, "" outside split Bundles.
	FullURL string
	// Ordinal is the place of the entry in its Bundle, skipped ones counted, or of
	// the resource in NDJSON, empty lines not counted; from 0.
	Ordinal int
	// Offset (in bytes, from 0) and Line (from 1) tell where Raw begins.
	Offset int64
	Line   int
	// Skipped says why the entry becomes no record, for example "no resource
	// (DELETE)"; "" for a record.
	Skipped string

	element []byte // of the Bundle, in which Raw lies; nil outside split Bundles
}

// Shell returns the entry of a split Bundle without its resource: what it says of it
// and the resource does not. Its type is "BundleEntry". nil outside split Bundles.
func (e Entry) Shell() *Resource {
	if e.element == nil {
		return nil
	}
	out := []byte(`{"resourceType":"BundleEntry"`)
	for m := range members(e.element) {
		if m.is("resource") || m.is("resourceType") {
			continue
		}
		out = append(append(append(out, ',', '"'), m.name...), '"', ':')
		out = append(out, m.value...)
	}
	return shellOf(out)
}

// Split yields the records of an input in their order, one at a time: the reader
// must give the input from its start again, as [Inspect] read it into sum. Skipped
// entries are yielded too, with Skipped set.
//
// An error ends the sequence. It wraps the reader's error, or is [ErrChanged] if
// the input is not the inspected one; that may show only after the last entry.
func Split(r io.Reader, sum *Summary) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if sum == nil {
			yield(Entry{}, errors.New("fhir: Split needs the Summary that Inspect made of the input"))
			return
		}
		s := splitter{src: newSource(r), sum: sum, yield: yield}
		err := s.run()
		if se, ok := errors.AsType[*SyntaxError](err); ok {
			err = fmt.Errorf("%w (%w)", ErrChanged, se)
		}
		if err != nil && err != errStop {
			yield(Entry{}, err)
		}
	}
}

// errStop ends a reading whose consumer wants no more.
var errStop = errors.New("stop")

type splitter struct {
	src   *source
	sum   *Summary
	yield func(Entry, error) bool
}

func (s *splitter) run() error {
	if s.sum.Whole {
		return s.whole()
	}
	s.src.mark()
	s.src.space(false)
	read := s.bundle
	if s.sum.Kind == KindNDJSON {
		read = s.lines
	}
	if err := read(); err != nil {
		return err
	}
	s.src.space(false)
	return s.finish()
}

// finish checks that the input was the inspected one.
func (s *splitter) finish() error {
	if err := s.src.failed(); err != nil {
		return err
	}
	if s.src.more() || [32]byte(s.src.digest.Sum(nil)) != s.sum.SHA256 {
		return ErrChanged
	}
	return nil
}

func (s *splitter) send(e Entry) error {
	if !s.yield(e, nil) {
		return errStop
	}
	return nil
}

func (s *splitter) whole() error {
	b := make([]byte, 0, min(s.sum.Bytes, MaxBytes))
	for s.src.more() && len(b) <= MaxBytes {
		b = append(b, s.src.buf[s.src.lo:s.src.hi]...)
		s.src.take(s.src.hi - s.src.lo)
	}
	if err := s.finish(); err != nil {
		return err
	}
	r, err := Parse(b)
	if err != nil {
		return err
	}
	return s.send(Entry{Raw: b, Resource: r, Line: 1})
}

func (s *splitter) lines() error {
	for i := 0; ; i++ {
		r, at, err := nextLine(s.src)
		if r == nil || err != nil {
			return err
		}
		if err := s.send(Entry{Raw: r.Raw, Resource: r, Ordinal: i, Offset: at.off, Line: at.line}); err != nil {
			return err
		}
	}
}

func (s *splitter) bundle() error {
	env := envelope{src: s.src, entry: func(ordinal int, at place, raw []byte) error {
		e, err := newEntry(ordinal, at, raw)
		if err != nil {
			return err
		}
		return s.send(e)
	}}
	return env.read()
}

// newEntry takes a checked element of Bundle.entry apart.
func newEntry(ordinal int, at place, raw []byte) (Entry, error) {
	e := Entry{Ordinal: ordinal, Offset: at.off, Line: at.line, element: raw}
	path := entryPath(ordinal)
	if raw[0] != '{' {
		return e, at.fail(BadBundle, path)
	}
	method := ""
	for m := range members(raw) {
		switch {
		case m.is("fullUrl"):
			e.FullURL, _ = text(m.value)
		case m.is("request"):
			method = lookupText(m.value, "method")
		case m.is("resource"):
			e.Raw = m.value[:len(m.value):len(m.value)]
			at = at.after(raw[:m.at])
			e.Offset, e.Line = at.off, at.line
		}
	}
	if e.Raw == nil {
		e.Skipped = skipReason(method)
		return e, nil
	}
	path += ".resource"
	if e.Raw[0] != '{' {
		return e, at.fail(BadBundle, path)
	}
	if len(e.Raw) > MaxBytes {
		return e, at.fail(TooLarge, path)
	}
	var err error
	e.Resource, err = view(e.Raw, at, path)
	return e, err
}

// skipReason names the request of an entry without a resource, if FHIR knows it
// (http://hl7.org/fhir/http-verb).
func skipReason(method string) string {
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH":
		return "no resource (" + method + ")"
	}
	return "no resource"
}
