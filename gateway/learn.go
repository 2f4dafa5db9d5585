package gateway

import (
	"context"
	"io"
	"slices"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/fhir/labeling"
)

// learnPeople is for how many people facts are collected before they are written.
const learnPeople = 5_000

// learn reads the input for what it says about people: facts that retention
// depends on go to the register before any record does, so that every put, and
// every later purge, knows of them. It lets the shell of the Bundle meet every entry.
func (m *importer) learn(ctx context.Context, r io.ReadSeeker) error {
	pending := make(map[string][]record.Fact)
	for e, err := range fhir.Split(r, m.sum) {
		if err != nil {
			return inputError(err)
		}
		if e.Resource == nil {
			continue
		}
		m.shell.Meet(e.Resource)
		events := e.Resource.FactsIn(m.labels.zone)
		consent := labeling.Part2Consent(e.Resource)
		if len(events) == 0 && !consent {
			continue
		}
		for _, token := range subjectTokens(m.key, m.resolve, e.Resource, e.FullURL) {
			m.consent[token] = m.consent[token] || consent
			for _, ev := range events {
				pending[token] = note(pending[token], record.Fact{Kind: ev.Kind, Date: ev.Date, Source: "import"})
			}
		}
		if len(pending) >= learnPeople {
			if err := m.facts.record(ctx, pending); err != nil {
				return err
			}
			clear(pending)
		}
	}
	if err := m.facts.record(ctx, pending); err != nil {
		return err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return inputError(err)
	}
	return nil
}

func (m *importer) resolve(ref string) string { return fhir.Resolve(m.sum, ref) }

// source says what the import knows about a record beside the record.
func (m *importer) source(e fhir.Entry, subjects []string) labeling.Source {
	s := labeling.Source{Declared: m.o.Part2, Around: slices.Concat(m.shell.Of(e), m.forward)}
	for _, t := range subjects {
		s.Consent = s.Consent || m.consent[t]
	}
	return s
}

// recall gives every record of a batch the facts about its people.
func (m *importer) recall(ctx context.Context, items []*item) error {
	var tokens []string
	for _, x := range items {
		tokens = append(tokens, x.subjects...)
	}
	known, err := m.facts.of(ctx, tokens)
	if err != nil {
		return err
	}
	for _, x := range items {
		var all []record.Fact
		for _, t := range x.subjects {
			for _, f := range Valid(known[t]) {
				all = note(all, f)
			}
		}
		x.facts = all
	}
	return nil
}
