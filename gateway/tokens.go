package gateway

import (
	"encoding/json"
	"slices"

	"domicile/chaincode/record"
	"domicile/fhir"
)

// SubjectTokens returns the index tokens of the people a resource is about: of
// its subject, patient and beneficiary references, of each Patient.identifier,
// and for a Patient of "Patient/<id>". A Bundle has those of all its entries.
// References are taken as written; inside an import they are resolved first.
func (c *Client) SubjectTokens(r *fhir.Resource) ([]string, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return nil, err
	}
	return subjectTokens(key, nil, r, ""), nil
}

// SubjectToken returns the token of a person given by reference, "Patient/id".
func (c *Client) SubjectToken(reference string) (string, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return "", err
	}
	return record.SubjectToken(key, reference), nil
}

// IdentifierToken returns the token of a person given by a business identifier.
func (c *Client) IdentifierToken(system, value string) (string, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return "", err
	}
	return record.IdentifierToken(key, system, value), nil
}

// ResourceToken returns the token of a FHIR resource, "Type/id".
func (c *Client) ResourceToken(reference string) (string, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return "", err
	}
	return record.ResourceToken(key, reference), nil
}

// resolver turns a reference as written into one form for all spellings; nil
// takes it as it is.
type resolver func(ref string) string

// subjectTokens is sorted and without repetitions. fullURL is that of the
// resource's entry, if it has one.
func subjectTokens(key []byte, resolve resolver, r *fhir.Resource, fullURL string) []string {
	var tokens []string
	ref := func(s string) {
		if resolve != nil {
			s = resolve(s)
		}
		if s != "" && s[0] != '#' { // a contained resource is somebody else in each record
			tokens = append(tokens, record.SubjectToken(key, s))
		}
	}
	for _, s := range r.Subjects() {
		ref(s)
	}
	for _, i := range r.SubjectIdentifiers() {
		tokens = append(tokens, record.IdentifierToken(key, i.System, i.Value))
	}
	switch r.Type {
	case "Patient":
		for _, i := range r.Identifiers() {
			tokens = append(tokens, record.IdentifierToken(key, i.System, i.Value))
		}
		if r.ID != "" {
			tokens = append(tokens, record.SubjectToken(key, "Patient/"+r.ID))
		}
		if fullURL != "" {
			ref(fullURL)
		}
	case "Bundle":
		tokens = append(tokens, bundleTokens(key, resolve, r)...)
	}
	slices.Sort(tokens)
	return slices.Compact(tokens)
}

// bundleTokens collects the tokens of a Bundle kept whole, so that a hold on a
// person binds documents about that person too.
func bundleTokens(key []byte, outer resolver, r *fhir.Resource) []string {
	var b struct {
		Entry []struct {
			FullURL  string          `json:"fullUrl"`
			Resource json.RawMessage `json:"resource"`
		} `json:"entry"`
	}
	if json.Unmarshal(r.Raw, &b) != nil { // strict JSON already, so only a mis-shaped entry
		return nil
	}
	inside := make(map[string]string)
	parsed := make([]*fhir.Resource, len(b.Entry))
	for i, e := range b.Entry {
		res, err := fhir.Parse(e.Resource)
		if err != nil {
			continue
		}
		parsed[i] = res
		if e.FullURL != "" && res.ID != "" {
			inside[e.FullURL] = res.Type + "/" + res.ID
		}
	}
	resolve := func(s string) string {
		if to, ok := inside[s]; ok {
			return to
		}
		if outer != nil {
			return outer(s)
		}
		return s
	}
	var tokens []string
	for i, res := range parsed {
		if res != nil {
			tokens = append(tokens, subjectTokens(key, resolve, res, b.Entry[i].FullURL)...)
		}
	}
	return tokens
}

// resourceToken is empty for a resource without an id.
func resourceToken(key []byte, r *fhir.Resource) string {
	if r.ID == "" {
		return ""
	}
	return record.ResourceToken(key, r.Type+"/"+r.ID)
}
