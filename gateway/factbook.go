package gateway

import (
	"context"
	"slices"
	"sync"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
)

// factBook remembers what one register knows about people, as far as it was asked.
type factBook struct {
	c          *Client
	collection string

	mu    sync.Mutex
	known map[string][]record.Fact
}

// factBookSize bounds the people remembered.
const factBookSize = 20_000

// of returns the facts about each of these people, asking the register for those
// it has not asked about yet.
func (b *factBook) of(ctx context.Context, tokens []string) (map[string][]record.Fact, error) {
	out := make(map[string][]record.Fact, len(tokens))
	var ask []string
	b.mu.Lock()
	for _, t := range tokens {
		if facts, ok := b.known[t]; ok {
			out[t] = facts
		} else if !slices.Contains(ask, t) {
			ask = append(ask, t)
		}
	}
	b.mu.Unlock()
	if len(ask) == 0 {
		return out, nil
	}
	list, err := b.c.FactsOf(ctx, b.collection, ask)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil || len(b.known)+len(list) > factBookSize {
		b.known = make(map[string][]record.Fact)
	}
	for _, s := range list {
		b.known[s.Subject], out[s.Subject] = s.Facts, s.Facts
	}
	return out, nil
}

// record writes those facts that the register does not have.
func (b *factBook) record(ctx context.Context, facts map[string][]record.Fact) error {
	tokens := make([]string, 0, len(facts))
	for t := range facts {
		tokens = append(tokens, t)
	}
	slices.Sort(tokens)
	for chunk := range slices.Chunk(tokens, record.MaxRecords) {
		known, err := b.of(ctx, chunk)
		if err != nil {
			return err
		}
		var missing []record.SubjectFacts
		for _, t := range chunk {
			var list []record.Fact
			for _, f := range facts[t] {
				if adds(known[t], f) {
					list = append(list, f)
				}
			}
			if len(list) > 0 {
				missing = append(missing, record.SubjectFacts{Subject: t, Facts: list})
			}
		}
		if len(missing) == 0 {
			continue
		}
		if _, err := b.c.Facts(ctx, b.collection, missing); err != nil {
			return err
		}
		b.mu.Lock()
		for _, s := range missing {
			delete(b.known, s.Subject) // the register's own word counts
		}
		b.mu.Unlock()
	}
	return nil
}

// latestOnly are kinds of which laws count from the latest event alone, so that an
// earlier one adds nothing.
var latestOnly = []string{record.FactLastEncounter, record.FactTreatmentEnd, record.FactTrialEnd}

// adds reports whether a fact says more than those known. One that a person took
// back is not stated again.
func adds(known []record.Fact, f record.Fact) bool {
	for _, k := range known {
		if k.Kind != f.Kind {
			continue
		}
		if k.Date == f.Date {
			return false
		}
		if slices.Contains(latestOnly, f.Kind) && !withdrawn(known, k) && !before(k.Date, f.Date) {
			return false
		}
	}
	return true
}

// before compares the last days that two dates can mean. Dates that cannot be read
// are before nothing.
func before(a, b string) bool {
	x, err := fhir.ParseDate(a)
	if err != nil {
		return false
	}
	y, err := fhir.ParseDate(b)
	return err == nil && x.Compare(y) < 0
}

// note adds a fact to a list, or lets it take the place of an earlier event.
func note(list []record.Fact, f record.Fact) []record.Fact {
	if !adds(list, f) {
		return list
	}
	if slices.Contains(latestOnly, f.Kind) {
		list = slices.DeleteFunc(list, func(k record.Fact) bool { return k.Kind == f.Kind })
	}
	return append(list, f)
}

func withdrawn(list []record.Fact, f record.Fact) bool {
	return f.Withdrawn || slices.ContainsFunc(list, func(k record.Fact) bool {
		return k.Withdrawn && k.Kind == f.Kind && k.Date == f.Date
	})
}

// Valid returns the facts of a list that nobody has taken back, each kind and date
// once, without who stated it and when.
func Valid(list []record.Fact) []record.Fact {
	var out []record.Fact
	for _, f := range list {
		known := slices.ContainsFunc(out, func(k record.Fact) bool { return k.Kind == f.Kind && k.Date == f.Date })
		if !known && !withdrawn(list, f) {
			out = append(out, record.Fact{Kind: f.Kind, Date: f.Date, Source: f.Source})
		}
	}
	return out
}

// assessable turns facts into those that retention is computed from.
func assessable(list []record.Fact) collections.Facts {
	out := collections.Facts{}
	for _, f := range Valid(list) {
		_ = out.Add(f.Kind, f.Date) // what cannot be read is no fact
	}
	return out
}
