package fhir

import (
	"crypto/sha256"
	"io"
)

// Kind says in which of the accepted forms an input is.
type Kind string

// The kinds of input.
const (
	// KindResource is one resource that is no Bundle.
	KindResource Kind = "resource"
	// KindBundle is one Bundle.
	KindBundle Kind = "bundle"
	// KindNDJSON has one resource on each line, two at least; empty lines are
	// allowed (https://hl7.org/fhir/R4/nd-json.html).
	KindNDJSON Kind = "ndjson"
)

// SplitOptions say how an input becomes records. The zero value splits the Bundles
// that may be split.
type SplitOptions struct {
	// Whole keeps every Bundle in one record.
	Whole bool
}

// splitTypes are the Bundle types whose entries stand for themselves. The others
// (document, message, the responses, and types unknown to R4) mean something only
// as a whole.
var splitTypes = map[string]bool{
	"transaction": true, "batch": true, "collection": true, "searchset": true, "history": true,
}

// wholeTypes are the other codes of http://hl7.org/fhir/bundle-type.
var wholeTypes = map[string]bool{
	"document": true, "message": true, "transaction-response": true, "batch-response": true,
}

// Summary is what [Inspect] learnt of an input.
type Summary struct {
	// Kind is the form of the input.
	Kind Kind
	// BundleType is the code in Bundle.type, "" if there is none or R4 does not
	// know it.
	BundleType string
	// Whole is true if the input is one record: a resource or an unsplit Bundle.
	Whole bool
	// Records counts the records that [Split] yields.
	Records int
	// Skipped counts the entries without a resource, which become no record.
	Skipped int
	// Bytes is the size of the input.
	Bytes int64
	// SHA256 is the digest of all bytes of the input.
	SHA256 [sha256.Size]byte
	// Shell is a Bundle that is split, without its entries: what it says of itself, of
	// which the records know nothing. nil for other inputs.
	Shell *Resource

	index urlIndex
}

// Inspect reads the whole input and checks it strictly, every rule of [Parse]
// included, so that nothing of a bad input is acted upon. It needs the memory of
// one record and about a hundred bytes for each entry that has a fullUrl.
//
// The input is one resource, a Bundle, or NDJSON; which, it finds out itself.
// Bundles of type transaction, batch, collection, searchset and history are split
// unless opts say otherwise: each entry.resource is a record, and has [MaxDepth]
// levels of its own. All other documents are one record. A Bundle inside an entry,
// or on a line of NDJSON, is one record too.
//
// Errors are a [*SyntaxError], or wrap what the reader returned.
func Inspect(r io.Reader, opts SplitOptions) (*Summary, error) {
	src := newSource(r)
	sum := &Summary{index: urlIndex{}}
	env := envelope{src: src, keep: true}
	env.entry = func(ordinal int, at place, raw []byte) error {
		entry, err := newEntry(ordinal, at, raw)
		switch {
		case err != nil:
			env.refuseSplit(err)
		case entry.Skipped != "":
			sum.Skipped++
		default:
			sum.Records++
			sum.index.add(entry)
		}
		return nil
	}
	src.mark()
	src.space(false)
	first := src.at
	if err := env.read(); err != nil {
		return nil, err
	}
	size, oneLine := src.at.off-first.off, src.at.line == first.line
	if !isTypeName(env.resourceType) {
		return nil, first.fail(NoResourceType, "")
	}
	src.space(true)
	if src.peek() == '\n' {
		src.space(false)
	} else {
		oneLine = false
	}
	var err error
	switch ended := !src.more(); {
	case src.failed() != nil:
		err = src.failed()
	case ended:
		err = sum.single(&env, first, opts)
	case oneLine:
		if err = asWhole(&env, first, size); err == nil {
			err = sum.lines(src)
		}
	default:
		err = src.at.fail(TrailingData, "")
	}
	if err != nil {
		return nil, err
	}
	sum.Bytes = src.at.off
	src.digest.Sum(sum.SHA256[:0])
	return sum, nil
}

// single completes the summary of an input that is one document.
func (sum *Summary) single(env *envelope, first place, opts SplitOptions) error {
	sum.Kind = KindResource
	if env.resourceType == "Bundle" {
		sum.Kind = KindBundle
		if splitTypes[env.bundleType] || wholeTypes[env.bundleType] {
			sum.BundleType = env.bundleType
		}
		if splitTypes[env.bundleType] && !opts.Whole {
			sum.Shell = shellOf(env.shell)
			return env.unsplittable
		}
	}
	sum.keepWhole()
	return asWhole(env, first, env.src.at.off)
}

// shellOf makes a resource of checked members, whose object has no end yet.
func shellOf(members []byte) *Resource {
	b := append(members, '}')
	r, err := view(b, start(), "")
	if err != nil {
		return nil // cannot be: the type was read from it
	}
	return r
}

func (sum *Summary) keepWhole() {
	sum.Whole, sum.Records, sum.Skipped, sum.index = true, 1, 0, nil
}

// asWhole checks the document for what only unsplit ones must keep.
func asWhole(env *envelope, first place, size int64) error {
	if size > MaxBytes {
		return first.fail(TooLarge, "")
	}
	return env.deep
}

// lines completes the summary of NDJSON, whose first line has been read.
func (sum *Summary) lines(src *source) error {
	sum.keepWhole()
	sum.Kind, sum.Whole = KindNDJSON, false
	for {
		r, _, err := nextLine(src)
		if r == nil || err != nil {
			return err
		}
		sum.Records++
	}
}

// nextLine reads the next resource of NDJSON and its place, nil at the end.
func nextLine(src *source) (*Resource, place, error) {
	src.space(false)
	from := src.at
	if !src.more() {
		return nil, from, src.failed()
	}
	b, err := src.value(MaxBytes, "")
	if err != nil {
		return nil, from, err
	}
	if _, err := check(b, MaxDepth, MaxDepth, from, ""); err != nil {
		return nil, from, err
	}
	if src.at.line != from.line {
		return nil, from, from.fail(TrailingData, "")
	}
	src.space(true)
	if src.more() && src.peek() != '\n' {
		return nil, from, src.at.fail(TrailingData, "")
	}
	r, err := view(b, from, "")
	return r, from, err
}
