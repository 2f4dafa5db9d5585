package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// part is a resource that is checked for itself.
type part struct {
	path string // where it was, "" for the resource that was asked about
	name string // its type
	json []byte
}

var errJSON = errors.New("not a JSON object")

// detach takes resources out that jsonformat does not judge where they are: it
// knows no resource in a parameter of Parameters and refuses each, and of contained
// resources it reads the elements but checks neither which are required nor where
// references lead. The first part is what is left. All parts are written anew with
// the fewest escapes, because jsonformat takes "\/" in base64 for an error; numbers
// keep their lexemes.
func detach(b []byte) ([]part, error) {
	var top map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&top); err != nil || d.More() {
		return nil, errJSON
	}
	root, _ := top["resourceType"].(string)
	var w walker
	w.value(top, root, false)
	var parts []part
	for _, t := range append([]taken{{"", top}}, w.taken...) {
		var text bytes.Buffer
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(t.resource); err != nil {
			return nil, errJSON
		}
		name, _ := t.resource["resourceType"].(string)
		parts = append(parts, part{t.path, name, text.Bytes()})
	}
	return parts, nil
}

type taken struct {
	path     string
	resource map[string]any
}

type walker struct{ taken []taken }

// value walks through v, whose path is given. parameter is true for the elements of
// Parameters.parameter and of their parts.
func (w *walker) value(v any, path string, parameter bool) {
	switch v := v.(type) {
	case map[string]any:
		if resource, ok := v["resource"].(map[string]any); ok && parameter {
			w.take(resource, path+".resource")
			delete(v, "resource")
		}
		if contained, ok := objects(v["contained"]); ok {
			for i := range contained {
				w.take(contained[i], fmt.Sprintf("%s.contained[%d]", path, i))
			}
			delete(v, "contained")
		}
		for name, inner := range v {
			inside := name == "parameter" && v["resourceType"] == "Parameters" || parameter && name == "part"
			w.value(inner, join(path, name), inside)
		}
	case []any:
		for i := range v {
			w.value(v[i], fmt.Sprintf("%s[%d]", path, i), parameter)
		}
	}
}

func (w *walker) take(resource map[string]any, path string) {
	w.value(resource, path, false)
	w.taken = append(w.taken, taken{path, resource})
}

// objects returns the elements of v if it is an array of objects, one at least.
func objects(v any) (out []map[string]any, ok bool) {
	array, _ := v.([]any)
	for _, e := range array {
		o, ok := e.(map[string]any)
		if !ok {
			return nil, false
		}
		out = append(out, o)
	}
	return out, len(out) > 0
}
