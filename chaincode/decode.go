package chaincode

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"domicile/chaincode/record"
)

const (
	// maxRequest bounds a JSON request, in bytes: 100 records with 64 subjects and
	// a hundred labels and facts each fit in.
	maxRequest = 4 << 20
	// maxDepth bounds how deep a request nests; the deepest we know has 8 levels.
	maxDepth = 32
)

// decodeStrict decodes one JSON document into the struct that v points to. It
// refuses what encoding/json lets pass: unknown, repeated and differently spelt
// keys, invalid UTF-8, a second document, depth without bound.
func decodeStrict(data []byte, v any) error {
	if len(data) > maxRequest {
		return record.Fail(record.CodeTooLarge, "the request is over 4 MiB")
	}
	if !utf8.Valid(data) {
		return record.Fail(record.CodeBadRequest, "the request is not valid UTF-8")
	}
	w := &walker{json.NewDecoder(bytes.NewReader(data))}
	w.dec.UseNumber()
	if err := w.value(reflect.TypeOf(v).Elem(), "", 0); err != nil {
		return err
	}
	if _, err := w.dec.Token(); err != io.EOF {
		return record.Fail(record.CodeBadRequest, "data after the end of the request")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return record.Fail(record.CodeBadRequest, "the request has a field of the wrong type")
	}
	return nil
}

// walker checks the keys of a document against the Go type it is meant for. at
// is made of our own field names and indexes only.
type walker struct{ dec *json.Decoder }

var rawMessage = reflect.TypeFor[json.RawMessage]()

func (w *walker) value(t reflect.Type, at string, depth int) error {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	tok, err := w.dec.Token()
	if err != nil {
		return record.Fail(record.CodeBadRequest, "the request is not JSON")
	}
	if depth == maxDepth {
		return record.Fail(record.CodeBadRequest, "the request nests too deep")
	}
	switch tok {
	case json.Delim('{'):
		err = w.object(t, at, depth)
	case json.Delim('['):
		err = w.array(t, at, depth)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := w.dec.Token(); err != nil { // the closing delimiter
		return record.Fail(record.CodeBadRequest, "the request is not JSON")
	}
	return nil
}

func (w *walker) object(t reflect.Type, at string, depth int) error {
	fields := fieldsOf(t)
	if fields == nil && t != rawMessage {
		return record.Fail(record.CodeBadRequest, "field "+named(at)+" is not an object")
	}
	seen := map[string]bool{}
	for w.dec.More() {
		tok, err := w.dec.Token()
		if err != nil {
			return record.Fail(record.CodeBadRequest, "the request is not JSON")
		}
		key, _ := tok.(string)
		next, known := fields[key]
		if !known && t != rawMessage {
			return record.Fail(record.CodeBadRequest, "an unknown key in "+named(at))
		}
		if folded := strings.ToLower(key); seen[folded] {
			return record.Fail(record.CodeBadRequest, "a repeated key in "+named(at))
		} else {
			seen[folded] = true
		}
		if !known {
			next, key = rawMessage, "?"
		}
		if err := w.value(next, join(at, key), depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) array(t reflect.Type, at string, depth int) error {
	elem := rawMessage
	if t != rawMessage {
		if t.Kind() != reflect.Slice || t.Elem().Kind() == reflect.Uint8 {
			return record.Fail(record.CodeBadRequest, "field "+named(at)+" is not a list")
		}
		elem = t.Elem()
	}
	for i := 0; w.dec.More(); i++ {
		if err := w.value(elem, at+"["+strconv.Itoa(i)+"]", depth+1); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf lists the JSON names of a struct's fields, nil for another type.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	if t.Kind() != reflect.Struct {
		return nil
	}
	fields := map[string]reflect.Type{}
	for f := range t.Fields() {
		if f.Anonymous {
			for k, ft := range fieldsOf(f.Type) {
				fields[k] = ft
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f.Type
	}
	return fields
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func named(at string) string {
	if at == "" {
		return "the request"
	}
	return at
}
