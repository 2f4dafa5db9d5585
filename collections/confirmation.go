package collections

// Confirmation is a person's word that a row says what the law says. Until a row is
// confirmed it can only keep records, never destroy one. Confirmations name a
// person and are therefore in the private part, never in the public one.
type Confirmation struct {
	Region string `json:"region"`
	Row    string `json:"row"`
	SHA256 string `json:"sha256"` // [RowDigest] of the row that was read
	By     string `json:"by"`     // the person
	Date   string `json:"date"`   // YYYY-MM-DD
	Source string `json:"source"` // what the person read
}

// Confirmed tells whether a person confirmed this row of a region as it stands.
func (p *Private) Confirmed(region string, row Row) bool {
	_, ok := p.Confirmation(region, row)
	return ok
}

// Confirmation returns the confirmation of this row of a region as it stands.
func (p *Private) Confirmation(region string, row Row) (Confirmation, bool) {
	if p == nil {
		return Confirmation{}, false
	}
	digest := ""
	for _, c := range p.Confirmations {
		if c.Region != region || c.Row != row.Name {
			continue
		}
		if digest == "" {
			digest = RowDigest(region, row)
		}
		if c.SHA256 == digest {
			return c, true
		}
	}
	return Confirmation{}, false
}
