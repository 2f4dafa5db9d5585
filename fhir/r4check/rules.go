package main

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Rules that are not found by the words of jsonformat.
const (
	ruleJSON  = "r4:json"      // not a JSON object
	ruleOther = "r4:other"     // refused by jsonformat in words that are not in the table
	ruleCode  = "r4:code-case" // a code in another case than R4 spells it
)

// rules lead from how jsonformat v0.7.4 begins its words to a rule. The first that
// fits counts.
var rules = []struct{ words, rule string }{
	{"unknown field", "r4:unknown-element"},
	{"unknown resource type", "r4:resource-type"},
	{"invalid resource type", "r4:resource-type"},
	{"missing required field", "r4:required"},
	{"code type mismatch", "r4:code"},
	{"cannot accept multiple values", "r4:choice"},
	{"array length mismatch", "r4:array-length"},
	{"expected array", "r4:array"},
	{"invalid JSON", "r4:object"},
	{"invalid extension field", "r4:shadow"},
	{"invalid field", "r4:shadow"},
	{"invalid type", "r4:shadow"},
	{"invalid reference to a", "r4:reference-type"},
	{"invalid reference", "r4:reference"},
	{"unexpected reference", "r4:reference"},
	{"field exceeded the maximum nesting depth", "r4:depth"},
	{"string exceeds", "r4:string"},
	{"string contains", "r4:string"},
	{"expected UTF-8", "r4:string"},
	{"expected binary data", "r4:base64Binary"},
	{"expected boolean", "r4:boolean"},
	{"expected code", "r4:code"},
	{"invalid Code", "r4:code"},
	{"expected datetime", "r4:dateTime"},
	{"expected date", "r4:date"},
	{"expected decimal", "r4:decimal"},
	{"expected ID", "r4:id"},
	{"invalid Id", "r4:id"},
	{"expected instant", "r4:instant"},
	{"expected integer", "r4:integer"},
	{"expected OID", "r4:oid"},
	{"invalid Oid", "r4:oid"},
	{"expected positive integer", "r4:positiveInt"},
	{"invalid positive integer", "r4:positiveInt"},
	{"invalid non-negative integer", "r4:unsignedInt"},
	{"non-negative integer out of range", "r4:unsignedInt"},
	{"expected string", "r4:string"},
	{"invalid time", "r4:time"},
	{"expected url", "r4:url"},
	{"invalid url", "r4:url"},
	{"expected uri", "r4:uri"},
	{"invalid uri", "r4:uri"},
	{"expected canonical", "r4:canonical"},
	{"invalid canonical", "r4:canonical"},
	{"expected markdown", "r4:markdown"},
	{"expected xhtml", "r4:xhtml"},
	{"expected UUID", "r4:uuid"},
	{"invalid Uuid", "r4:uuid"},
}

// newIssue makes an issue of an error's place and words.
func newIssue(path, words string) issue {
	i := issue{plainPath(path), ruleOther}
	for _, r := range rules {
		if strings.HasPrefix(words, r.words) {
			i.Rule = r.rule
			break
		}
	}
	switch i.Rule {
	case "r4:resource-type":
		// The path may end with the unknown type, which may be anything.
		if at := strings.LastIndexByte(path, '.'); words == "unknown resource type" {
			i.Path = plainPath(path[:max(at, 0)])
		}
	case "r4:required":
		if _, quoted, ok := strings.Cut(words, "field "); ok {
			if name, err := strconv.Unquote(quoted); err == nil {
				i.Path = join(i.Path, name)
			}
		}
	}
	return i
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// plainPath takes the type out of the path of a resource inside another, so that
// "Bundle.entry[0].resource.Patient.name" becomes "Bundle.entry[0].resource.name".
func plainPath(path string) string {
	names := strings.Split(path, ".")
	out := names[:0]
	for i := 0; i < len(names); i++ {
		out = append(out, names[i])
		before := ""
		if i > 0 {
			before = names[i-1]
		}
		if strings.HasPrefix(names[i], "contained[") || names[i] == "resource" && strings.HasPrefix(before, "entry[") ||
			names[i] == "outcome" && before == "response" {
			i++ // the type
		}
	}
	return strings.Join(out, ".")
}

// foldedCodes finds codes that jsonformat takes in any case ("Male"): the same
// resource, read and written again, has them in R4's.
func foldedCodes(before, after []byte, root string) []issue {
	var issues []issue
	compareCodes(decode(before), decode(after), root, &issues)
	return issues
}

func decode(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

func compareCodes(a, b any, path string, issues *[]issue) {
	switch a := a.(type) {
	case map[string]any:
		b, _ := b.(map[string]any)
		for name, v := range a {
			if other, ok := b[name]; ok {
				compareCodes(v, other, join(path, name), issues)
			}
		}
	case []any:
		b, _ := b.([]any)
		for i := range min(len(a), len(b)) {
			compareCodes(a[i], b[i], path+"["+strconv.Itoa(i)+"]", issues)
		}
	case string:
		if b, ok := b.(string); ok && a != b && strings.EqualFold(strings.ReplaceAll(a, "_", "-"), strings.ReplaceAll(b, "_", "-")) {
			*issues = append(*issues, issue{path, ruleCode})
		}
	}
}
