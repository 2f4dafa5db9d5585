package collections

import (
	"domicile/fhir"
	"domicile/fhir/labeling"
)

// LabelOptions are the holder's choices for labelling resources.
func (p *Private) LabelOptions() labeling.Options {
	o := labeling.Options{
		Default: p.DefaultConfidentiality(), Vocabulary: p.Vocabulary(), Part2: labeling.Posture(p.Custodian.Part2),
	}
	for _, m := range p.Labels.Confidentiality {
		o.Confidentiality = append(o.Confidentiality, labeling.Conf{
			Label: fhir.Coding{System: m.Label.System, Code: m.Label.Code}, Is: m.Is,
		})
	}
	return o
}
