package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
)

// maxIssues bounds the issues of one verdict.
const maxIssues = 100

// verdict is the answer to one request.
type verdict struct {
	Valid  bool    `json:"valid"`
	Issues []issue `json:"issues,omitempty"`
	// Failed says that there is no verdict: the checker failed.
	Failed string `json:"failed,omitempty"`
}

// issue is one broken rule. Neither part holds anything of the resource but names
// of elements that R4 defines and indexes.
type issue struct {
	Path string `json:"path"`
	Rule string `json:"rule"`
}

type checker struct {
	read  *jsonformat.Unmarshaller
	write *jsonformat.Marshaller
}

func newChecker() (*checker, error) {
	read, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		return nil, err
	}
	write, err := jsonformat.NewMarshaller(false, "", "", fhirversion.R4)
	return &checker{read, write}, err
}

// check judges one resource.
func (c *checker) check(b []byte) (v verdict) {
	defer func() {
		if recover() != nil {
			v = verdict{Failed: failed}
		}
	}()
	parts, err := detach(b)
	if err != nil {
		return verdict{Issues: []issue{{"", ruleJSON}}}
	}
	var issues []issue
	for _, p := range parts {
		found, ok := c.part(p)
		if !ok {
			return verdict{Failed: failed}
		}
		issues = append(issues, found...)
	}
	issues = bounded(issues)
	return verdict{Valid: len(issues) == 0, Issues: issues}
}

const failed = "the definitions of R4 could not be applied to this resource"

// part judges one resource without those that were taken out of it; ok is false if
// jsonformat fails.
func (c *checker) part(p part) (issues []issue, ok bool) {
	message, err := c.read.Unmarshal(p.json)
	if err != nil {
		issues = issuesOf(err)
	} else {
		again, err := c.write.Marshal(message)
		if err != nil {
			return nil, false
		}
		issues = foldedCodes(p.json, again, p.name)
	}
	for i := range issues {
		// A resource taken out has the path of its place instead of its type.
		if rest, found := strings.CutPrefix(issues[i].Path, p.name); found && p.path != "" {
			issues[i].Path = p.path + rest
		} else if p.path != "" {
			issues[i].Path = p.path
		}
	}
	return issues, true
}

// bounded sorts issues, drops equal ones and cuts the list.
func bounded(issues []issue) []issue {
	slices.SortFunc(issues, func(a, b issue) int {
		return strings.Compare(a.Path+" "+a.Rule, b.Path+" "+b.Rule)
	})
	issues = slices.Compact(issues)
	return issues[:min(len(issues), maxIssues)]
}

// issuesOf turns the error of jsonformat, which is one error or a list of them
// of a type that cannot be named here, into issues.
func issuesOf(err error) []issue {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Slice {
		var all []issue
		for i := range v.Len() {
			if e, ok := v.Index(i).Interface().(error); ok {
				all = append(all, issuesOf(e)...)
			}
		}
		return all
	}
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct || v.FieldByName("Path").Kind() != reflect.String || v.FieldByName("Details").Kind() != reflect.String {
		return []issue{{"", ruleOther}}
	}
	return []issue{newIssue(v.FieldByName("Path").String(), v.FieldByName("Details").String())}
}
