package gateway

import (
	"context"
	"fmt"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
)

// checkValidation refuses an import before anything is sent when a collection that
// it may put into takes valid resources only and nothing is there to tell.
func (m *importer) checkValidation() error {
	if m.c.opt.validator != nil {
		return nil
	}
	for _, col := range m.region.Collections {
		mine := col.Name == m.o.Collection || m.o.Collection == "" && col.Log == m.private.Log
		if mine && m.private.Setting(col.Name).Validation == collections.ValidationEnforce {
			return record.Fail(record.CodeSettings,
				"collection "+col.Name+" takes valid FHIR resources only, and no validator is configured (gateway.WithValidator, --validator)")
		}
	}
	return nil
}

// maxInvalid bounds the places that one record's verdict names.
const maxInvalid = 10

// validate checks a record as its collection asks: it adds warnings, or returns the
// refusal. An error of another code is the validator's own.
func (m *importer) validate(ctx context.Context, x *item) error {
	mode := m.private.Setting(x.collection).Validation
	if mode == collections.ValidationOff {
		return nil
	}
	if m.c.opt.validator == nil { // then the mode is warn
		x.warnings = append(x.warnings, "not checked against FHIR R4: no validator is configured")
		return nil
	}
	v, err := m.c.opt.validator.Validate(ctx, x.resource.Raw)
	if err != nil {
		return fmt.Errorf("%s: the validator failed: %w", x.id, err)
	}
	if v.Valid {
		return nil
	}
	var places []string
	for i, issue := range v.Issues {
		if i == maxInvalid {
			places = append(places, fmt.Sprintf("and %d more", len(v.Issues)-i))
			break
		}
		places = append(places, strings.TrimSpace(issue.Path+" "+issue.Rule))
	}
	if mode == collections.ValidationEnforce {
		return record.Fail(record.CodeInvalidFHIR, x.id+": "+strings.Join(places, "; "))
	}
	for _, p := range places {
		x.warnings = append(x.warnings, "not valid FHIR R4: "+p)
	}
	return nil
}
