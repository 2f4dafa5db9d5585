package ds4p

import "domicile/fhir"

// Part2 is the policy label of records of a Part 2 programme (42 CFR part 2). It
// follows from who made or held a record, never from its codes alone (42 CFR
// 2.12(d)(2)).
var Part2 = fhir.Coding{System: SystemActCode, Code: "42CFRPart2"}

// part2Handling are the labels that a Part 2 record carries beside its sensitivity.
var part2Handling = []fhir.Coding{
	{System: SystemActCode, Code: "NORDSCLCD"},
	{System: SystemActCode, Code: "RedisclosureProhibitionMark"},
	{System: SystemActCode, Code: "PERSISTLABEL"},
	{System: SystemActCode, Code: "CPLYCD"},
}

// MinimalPart2 returns the least set of labels of a Part 2 record: confidentiality
// R, 42CFRPart2, the sensitivities given (SUD, OPIOIDUD, ETHUD), no redisclosure
// without consent (NORDSCLCD), the mark that prohibits redisclosure (42 CFR 2.32),
// PERSISTLABEL and CPLYCD (comply with the consent), each with 42CFRPart2 as its
// basis. Origin is that of 42CFRPart2 itself, which says where the fact is from;
// the others have [OriginPolicy].
func MinimalPart2(origin string, sensitivity ...fhir.Coding) []Label {
	labels := []Label{
		{System: SystemConfidentiality, Code: "R", Basis: Part2, Origin: OriginPolicy},
		{System: Part2.System, Code: Part2.Code, Basis: Part2, Origin: origin},
	}
	for _, c := range append(append([]fhir.Coding(nil), sensitivity...), part2Handling...) {
		labels = append(labels, Label{System: c.System, Code: c.Code, Basis: Part2, Origin: OriginPolicy})
	}
	return labels
}

// ShortPurge tells whether labels ask a recipient not to keep its copy for longer
// than the use it was disclosed for: DELAU (delete after use) or NOPERSISTP (do not
// persist without need).
func ShortPurge(labels []Label) bool {
	for _, l := range labels {
		if l.System == SystemActCode && (l.Code == "DELAU" || l.Code == "NOPERSISTP") {
			return true
		}
	}
	return false
}
