package fhir

import (
	"bytes"
	"errors"
	"fmt"
)

// Reason says which rule an input breaks. The values are stable: programs may
// compare and print them.
type Reason string

// The reasons for which an input is refused.
const (
	// NotJSON: the text breaks the grammar of RFC 8259. An input
	// without any document counts too.
	NotJSON Reason = "not-json"
	// DuplicateKey: an object has the same name twice.
	DuplicateKey Reason = "duplicate-key"
	// CaseVariantKey: an object has two names that differ only in case.
	CaseVariantKey Reason = "case-variant-key"
	// InvalidUTF8: a byte sequence is not well-formed UTF-8.
	InvalidUTF8 Reason = "invalid-utf8"
	// LoneSurrogate: a \u escape names half of a surrogate pair.
	LoneSurrogate Reason = "lone-surrogate"
	// TooDeep: arrays and objects nest deeper than [MaxDepth].
	TooDeep Reason = "too-deep"
	// TooLarge: a record is longer than [MaxBytes].
	TooLarge Reason = "too-large"
	// NoResourceType: the document is not an object with a resourceType that
	// could name a FHIR type.
	NoResourceType Reason = "no-resource-type"
	// TrailingData: something follows the end of the document. Several documents
	// are accepted only as NDJSON, each alone on its line.
	TrailingData Reason = "trailing-data"
	// BadBundle: a Bundle that would have to be split has an entry that is not an
	// array of objects, or a resource in it that is not an object.
	BadBundle Reason = "bad-bundle"
)

// describe gives the reason in words, with what to do about it where that is not
// plain.
func (r Reason) describe() string {
	switch r {
	case NotJSON:
		return "not JSON"
	case DuplicateKey:
		return "the same name twice in one object"
	case CaseVariantKey:
		return "two names in one object that differ only in case"
	case InvalidUTF8:
		return "invalid UTF-8"
	case LoneSurrogate:
		return "a \\u escape that is half of a surrogate pair"
	case TooDeep:
		return fmt.Sprintf("nested deeper than %d levels", MaxDepth)
	case TooLarge:
		return fmt.Sprintf("a record larger than %d bytes", MaxBytes)
	case NoResourceType:
		return "no usable resourceType"
	case TrailingData:
		return "data after the end of the document (several resources go one on each line)"
	case BadBundle:
		return "a Bundle whose entries are not objects holding resources"
	}
	return string(r)
}

// SyntaxError reports the first place where an input breaks a rule of this
// package. It holds places and element names, never a value of the input.
type SyntaxError struct {
	// Reason is the rule.
	Reason Reason
	// Offset counts the bytes before the place, from the start of the input.
	Offset int64
	// Line and Column are the place for people; both begin at 1, the column
	// counts bytes.
	Line, Column int
	// Path leads to the element in the form name[0].given, empty for the
	// document itself. A name that is no element of R4 is shown as "?".
	Path string
}

// Error gives the reason in words and the place.
func (e *SyntaxError) Error() string {
	at := ""
	if e.Path != "" {
		at = " at " + e.Path
	}
	return fmt.Sprintf("fhir: %s%s (line %d, column %d, byte %d)",
		e.Reason.describe(), at, e.Line, e.Column, e.Offset)
}

// ReasonOf returns the [Reason] of the [SyntaxError] that err wraps, and false
// when it wraps none.
func ReasonOf(err error) (Reason, bool) {
	if se, ok := errors.AsType[*SyntaxError](err); ok {
		return se.Reason, true
	}
	return "", false
}

// ErrChanged reports that the input given to [Split] is not, byte for byte, the
// one that [Inspect] read. Inspect it again before going on.
var ErrChanged = errors.New("fhir: the input changed between inspection and reading; inspect it again")

// place is a position in the input.
type place struct {
	off       int64
	line      int   // from 1
	lineStart int64 // offset of the first byte of the line
}

func start() place { return place{line: 1} }

// after returns the place behind b, which begins at p.
func (p place) after(b []byte) place {
	if n := bytes.Count(b, newline); n > 0 {
		p.line += n
		p.lineStart = p.off + int64(bytes.LastIndexByte(b, '\n')) + 1
	}
	p.off += int64(len(b))
	return p
}

func (p place) fail(r Reason, path string) *SyntaxError {
	return &SyntaxError{Reason: r, Offset: p.off, Line: p.line, Column: int(p.off-p.lineStart) + 1, Path: path}
}

var (
	newline = []byte{'\n'}
	bom     = []byte("\ufeff")
)
