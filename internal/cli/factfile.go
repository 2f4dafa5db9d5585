package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/gateway"
)

// maxFactFile bounds a file of facts, in bytes.
const maxFactFile = 64 << 20

// factLine is one line of a file of facts: a person, by reference or by identifier, and
// one dated event.
type factLine struct {
	Reference string `json:"reference"`
	System    string `json:"system"`
	Value     string `json:"value"`
	Kind      string `json:"kind"`
	Date      string `json:"date"`
	Source    string `json:"source"`
}

// factFile reads facts about many people, one JSON object on each line. The whole file
// is read before anything is sent. Errors name the line and never repeat what it holds.
func (a *app) factFile(client *gateway.Client, path, source string) ([]record.SubjectFacts, error) {
	b, err := a.readAll(path, maxFactFile)
	if err != nil {
		return nil, err
	}
	var out []record.SubjectFacts
	index := map[string]int{}
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		token, fact, err := readFact(client, line, source)
		if err != nil {
			return nil, hinted{
				record.Fail(record.CodeInput, fmt.Sprintf("line %d of the file of facts: %v", n, err)),
				`write {"reference": "Patient/ID", "kind": "birth", "date": "1980-02", "source": "register 7"}, or "system" and "value" for the reference`,
			}
		}
		i, known := index[token]
		if !known {
			i = len(out)
			index[token] = i
			out = append(out, record.SubjectFacts{Subject: token})
		}
		if !slices.Contains(out[i].Facts, fact) {
			out[i].Facts = append(out[i].Facts, fact)
		}
	}
	if len(out) == 0 {
		return nil, record.Fail(record.CodeInput, "the file of facts is empty")
	}
	return out, nil
}

// readFact reads one line; its errors are constant words.
func readFact(client *gateway.Client, line []byte, source string) (token string, f record.Fact, err error) {
	if !exactKeys(line, factKeys...) {
		return "", f, errors.New("is not one JSON object with the keys of a fact, each once")
	}
	var l factLine
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if d.Decode(&l) != nil || !errors.Is(d.Decode(new(any)), io.EOF) {
		return "", f, errors.New("is not one JSON object with the keys of a fact")
	}
	if !slices.Contains(record.FactKinds(), l.Kind) {
		return "", f, errors.New("kind is not one that is known")
	}
	if (collections.Facts{}).Add(l.Kind, l.Date) != nil {
		return "", f, errors.New("date is not YYYY, YYYY-MM or YYYY-MM-DD")
	}
	if l.Source == "" {
		l.Source = source
	}
	switch {
	case l.Reference != "" && l.System == "" && l.Value == "":
		token, err = client.SubjectToken(l.Reference)
	case l.Reference == "" && l.Value != "":
		token, err = client.IdentifierToken(l.System, l.Value)
	default:
		err = errors.New("a person is given by reference, or by value and system")
	}
	return token, record.Fact{Kind: l.Kind, Date: l.Date, Source: l.Source}, err
}

var factKeys = []string{"reference", "system", "value", "kind", "date", "source"}

// exactKeys tells whether a text is one object of strict JSON with no other keys than
// these, each once and spelled exactly: encoding/json takes the last of two, and any case.
func exactKeys(line []byte, keys ...string) bool {
	r, err := fhir.Parse(append([]byte(`{"resourceType":"Basic",`), bytes.TrimPrefix(line, []byte("{"))...))
	if err != nil {
		return false
	}
	for name := range r.Root().Members() {
		if name != "resourceType" && !slices.Contains(keys, name) {
			return false
		}
	}
	return true
}

// recordFacts sends facts about people to every register of the organisation.
func (a *app) recordFacts(ctx context.Context, client *gateway.Client, people []record.SubjectFacts) error {
	receipts, err := client.FactsAll(ctx, people)
	for _, r := range receipts {
		if err := a.printLine(r); err != nil {
			return err
		}
	}
	return err
}

// factsFrom records the facts of a file.
func (a *app) factsFrom(ctx context.Context, w where, path, source string) error {
	client, err := a.connect(ctx, w)
	if err != nil {
		return err
	}
	defer client.Close()
	people, err := a.factFile(client, path, source)
	if err != nil {
		return err
	}
	if err := a.recordFacts(ctx, client, people); err != nil {
		return err
	}
	n := 0
	for _, p := range people {
		n += len(p.Facts)
	}
	a.say("%d facts about %d references and identifiers recorded; see domicile purge reassess for what they change", n, len(people))
	return nil
}
