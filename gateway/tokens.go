package gateway

import (
	"domicile/chaincode/record"
	"domicile/fhir"
)

// SubjectTokens returns the tokens of the people a resource is about.
func (c *Client) SubjectTokens(r *fhir.Resource) ([]string, error) { return nil, nil }

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
