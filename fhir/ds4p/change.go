package ds4p

// Missing returns the labels of old that a new set no longer has: neither the same
// nor a more special code ([Vocabulary.IsA]) with the same basis, or with any basis
// if the old label had none. A confidentiality is there as long as the new set has
// one at least as high.
func (v *Vocabulary) Missing(old, new []Label) []Label {
	var missing []Label
	for _, l := range old {
		if !v.covered(l, new) {
			missing = append(missing, l)
		}
	}
	return missing
}

func (v *Vocabulary) covered(l Label, by []Label) bool {
	if c := l.confidentiality(); c != "" {
		return Rank(MaxConfidentiality(by)) >= Rank(c)
	}
	for _, n := range by {
		same := n.System == l.System && n.Code == l.Code
		if (same || v.IsA(n.Coding(), l.Coding())) && (l.Basis == Code{} || n.Basis == l.Basis) {
			return true
		}
	}
	return false
}

// Downgrade tells whether replacing old by new protects less: a label is missing
// ([Vocabulary.Missing]) or confidentiality is lower. It takes a person and a
// reason.
func (v *Vocabulary) Downgrade(old, new []Label) bool { return len(v.Missing(old, new)) > 0 }
