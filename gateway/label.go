package gateway

import (
	"time"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/fhir/ds4p"
	"domicile/fhir/labeling"
)

// labeler gives records of one register their labels at rest, as its private part
// asks.
type labeler struct {
	part  *collections.Private
	rules *labeling.RuleSet // nil: the private part names none
	opts  labeling.Options
	words *ds4p.Vocabulary
	zone  *time.Location // of the custodian's calendar
}

// newLabeler makes the labeler of a private part. [ErrRules] when the rule set that
// the part names is not at hand.
func (c *Client) newLabeler(part *collections.Private) (*labeler, error) {
	opts := labelOptions(part)
	l := &labeler{part: part, opts: opts, words: opts.Vocabulary, zone: part.Custodian.Location()}
	rules, err := c.rulesNamed(part)
	l.rules = rules
	return l, err
}

// rulesNamed returns the rule set whose digest the private part names, nil when it
// names none: the one of [WithRules], or the shipped one if it is that.
func (c *Client) rulesNamed(part *collections.Private) (*labeling.RuleSet, error) {
	want := part.Labels.Rules
	if want == "" {
		return nil, nil
	}
	have := c.opt.rules
	if have == nil {
		have = labeling.Shipped()
	}
	if have.SHA256() != want {
		return nil, record.Fail(record.CodeRules,
			"the private part in "+part.Log+" names the rules with SHA-256 "+want+", and these have "+have.SHA256())
	}
	return have, nil
}

// digest names the rule set in records, "" for none.
func (l *labeler) digest() string {
	if l.rules == nil {
		return ""
	}
	return l.rules.SHA256()
}

// label computes the labels at rest of a resource.
func (l *labeler) label(r *fhir.Resource, s labeling.Source) labeling.Outcome {
	return l.rules.Label(r, l.opts, s)
}

// unknown reports whether any label means nothing to anybody here.
func (l *labeler) unknown(labels []ds4p.Label) bool {
	for _, x := range labels {
		if !l.words.Known(x.Coding()) {
			return true
		}
	}
	return false
}

// today is the day on the custodian's calendar.
func (l *labeler) today() fhir.Date { return fhir.DayIn(time.Now(), l.zone) }
