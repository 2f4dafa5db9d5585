package ds4p

import "slices"

// ranks order confidentiality: V > R > N > M > L > U
// (https://hl7.org/fhir/uv/security-label-ds4p/security_labeling_conceptual_structure.html).
var ranks = []string{"U", "L", "M", "N", "R", "V"}

// Rank returns the place of a code of [SystemConfidentiality] in its order: 6 for V
// (very restricted), 5 R, 4 N, 3 M, 2 L, 1 for U (unrestricted), 0 for anything
// else.
func Rank(code string) int { return slices.Index(ranks, code) + 1 }

// Max returns the highest of confidentiality codes, "" if there is none.
func Max(codes ...string) string {
	highest := ""
	for _, c := range codes {
		if Rank(c) > Rank(highest) {
			highest = c
		}
	}
	return highest
}

// confidentiality returns the code of l if it is a confidentiality, "" if not.
func (l Label) confidentiality() string {
	if l.System == SystemConfidentiality && Rank(l.Code) > 0 {
		return l.Code
	}
	return ""
}

// MaxConfidentiality returns the highest confidentiality among labels, "" if they
// have none.
func MaxConfidentiality(labels []Label) string {
	highest := ""
	for _, l := range labels {
		highest = Max(highest, l.confidentiality())
	}
	return highest
}

// MaxConfidentiality returns the highest confidentiality of the resource and of
// anything inside it, "" if there is none. A label that is none counts for nothing
// here; [Vocabulary.AtRest] reports it.
func (in Inbound) MaxConfidentiality() string {
	highest := MaxConfidentiality(in.Labels)
	for _, l := range in.Inline {
		highest = Max(highest, l.confidentiality())
	}
	return highest
}

// neutral are the obligations and refrains that say nothing about what a record is
// about, because they suit any record. All others are taken for revealing: that
// something must be masked or not be disclosed without consent shows that there is
// something to hide (the guide names MASK and NODSCLCD).
var neutral = map[string]bool{
	"AUDIT": true, "AUDTR": true, "DELAU": true, "ENCRYPT": true, "ENCRYPTR": true, "ENCRYPTT": true, "ENCRYPTU": true,
	"LABEL": true, "MINEC": true, "PERSISTLABEL": true, "PROCESSINLINELABEL": true,
	"NOINTEGRATE": true, "NOPERSISTP": true, "NORELINK": true, "NOREUSE": true,
}

// HighWaterMark returns the labels of a whole that is made of parts with these sets
// of labels (a Bundle, a message): the highest confidentiality, and the obligations
// and refrains that reveal nothing about the content. Sensitivity, policy and every
// other set stay with the parts, and no label keeps its basis, because they would
// tell what the parts are about. Without any confidentiality among the parts there
// is none in the result.
func HighWaterMark(sets ...[]Label) []Label {
	var handling []Label
	highest := ""
	for _, labels := range sets {
		highest = Max(highest, MaxConfidentiality(labels))
		for _, l := range labels {
			if l.System != SystemActCode || !neutral[l.Code] {
				continue
			}
			if !slices.ContainsFunc(handling, func(h Label) bool { return h.Code == l.Code }) {
				handling = append(handling, Label{System: l.System, Code: l.Code, Origin: l.Origin})
			}
		}
	}
	slices.SortFunc(handling, compare)
	if highest == "" {
		return handling
	}
	return append([]Label{{System: SystemConfidentiality, Code: highest}}, handling...)
}
