package labeling

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"domicile/fhir"
)

// object is one JSON object of a rule file, with its place for errors.
type object struct {
	file string
	path string
	m    map[string]any
}

// parseObject reads the file strictly: unique names, well-formed text, a ValueSet.
func parseObject(f File) (object, error) {
	o := object{file: f.Name}
	r, err := fhir.Parse(f.Data)
	if err != nil {
		return o, &RuleError{f.Name, "", err.Error()}
	}
	if r.Type != "ValueSet" {
		return o, &RuleError{f.Name, "resourceType", fmt.Sprintf("is %s, a rule is a ValueSet", r.Type)}
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(f.Data, []byte("\ufeff"))))
	d.UseNumber()
	if err := d.Decode(&o.m); err != nil {
		return o, &RuleError{f.Name, "", err.Error()}
	}
	return o, nil
}

func (o object) errorf(name, format string, args ...any) error {
	return &RuleError{o.file, o.at(name), fmt.Sprintf(format, args...)}
}

func (o object) at(name string) string {
	if o.path == "" || name == "" {
		return o.path + name
	}
	return o.path + "." + name
}

// only refuses members that are none of names: one that is not understood might
// change what the rule means. Element ids, extensions and "_x" siblings say nothing
// about membership; modifier extensions do and are refused.
func (o object) only(names ...string) error {
	for name := range o.m {
		if name == "id" || name == "extension" || strings.HasPrefix(name, "_") || slices.Contains(names, name) {
			continue
		}
		return o.errorf(name, "is not understood here; known are %s", strings.Join(names, ", "))
	}
	return nil
}

// text returns the string under name, "" if there is none.
func (o object) text(name string) (string, error) {
	switch v := o.m[name].(type) {
	case nil:
		return "", nil
	case string:
		if v == "" {
			return "", o.errorf(name, "is empty")
		}
		return v, nil
	}
	return "", o.errorf(name, "must be a string")
}

// need is text for what must be there.
func (o object) need(name string) (string, error) {
	s, err := o.text(name)
	if err == nil && s == "" {
		err = o.errorf(name, "is missing")
	}
	return s, err
}

// one returns the object under name; its m is nil if there is none.
func (o object) one(name string) (object, error) {
	v := o.m[name]
	if v == nil {
		return object{}, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return object{}, o.errorf(name, "must be an object")
	}
	return object{o.file, o.at(name), m}, nil
}

// array returns the array under name, nil if there is none.
func (o object) array(name string) ([]any, error) {
	v := o.m[name]
	if v == nil {
		return nil, nil
	}
	array, ok := v.([]any)
	if !ok || len(array) == 0 {
		return nil, o.errorf(name, "must be an array with something in it")
	}
	return array, nil
}

// list returns the objects of the array under name.
func (o object) list(name string) ([]object, error) {
	array, err := o.array(name)
	if err != nil {
		return nil, err
	}
	var out []object
	for i, e := range array {
		at := fmt.Sprintf("%s[%d]", name, i)
		m, ok := e.(map[string]any)
		if !ok {
			return nil, o.errorf(at, "must be an object")
		}
		out = append(out, object{o.file, o.at(at), m})
	}
	return out, nil
}

// texts returns the strings of the array under name.
func (o object) texts(name string) ([]string, error) {
	array, err := o.array(name)
	if err != nil {
		return nil, err
	}
	var out []string
	for i, e := range array {
		s, ok := e.(string)
		if !ok || s == "" {
			return nil, o.errorf(fmt.Sprintf("%s[%d]", name, i), "must be a string")
		}
		out = append(out, s)
	}
	return out, nil
}

const jsonZero = json.Number("0")

// readContains reads expansion.contains, which nests. Abstract entries head others
// and are no codes to be found.
func (vs *valueSet) readContains(o object) error {
	list, err := o.list("contains")
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := c.only("system", "abstract", "inactive", "version", "code", "display", "designation", "contains"); err != nil {
			return err
		}
		if err := vs.readContains(c); err != nil {
			return err
		}
		if c.m["abstract"] == true || c.m["code"] == nil {
			continue
		}
		system, err := c.need("system")
		if err != nil {
			return err
		}
		f := familyOf(system)
		code, err := c.need("code")
		if err != nil {
			return err
		}
		normal := f.form.normalText(code)
		if normal == "" {
			return c.errorf("code", "%q is no code of %s", code, f.url)
		}
		vs.include = append(vs.include, group{parts: []part{{family: f, kind: exact, code: normal}}, at: c})
	}
	return nil
}
