package labeling

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// family is a code system with all the names it goes by.
type family struct {
	url string // the canonical one
	// tree says that the hierarchy of the codes is their spelling: the ancestors of
	// a code are its prefixes.
	tree bool
	form form
}

// form says how codes of a family are spelled, hence how they are compared.
type form uint8

const (
	asIs       form = iota // compared as they are
	upperNoDot             // case and dots do not count; what follows a space or a mark neither
	upper                  // case does not count
	sctid                  // digits; in an expression every concept counts
)

// The families whose spelling or names this package knows. Every other system is
// compared by its exact URL and exact codes.
const (
	icd10    = "http://hl7.org/fhir/sid/icd-10-cm"
	icd9     = "http://hl7.org/fhir/sid/icd-9-cm"
	icd10pcs = "http://www.cms.gov/Medicare/Coding/ICD10"
	atc      = "http://www.whocc.no/atc"
	snomed   = "http://snomed.info/sct"
	loinc    = "http://loinc.org"
	rxnorm   = "http://www.nlm.nih.gov/research/umls/rxnorm"
	cpt      = "http://www.ama-assn.org/go/cpt"
	hcpcs    = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
)

var families = []family{
	{icd10, true, upperNoDot},
	{icd9, true, upperNoDot},
	{icd10pcs, true, upperNoDot},
	{atc, true, upper},
	{snomed, false, sctid},
	{loinc, false, upper},
	{rxnorm, false, asIs},
	{cpt, false, upper},
	{hcpcs, false, upper},
}

// aliases are the other names of the families, as [plainSystem] spells them. URLs
// and OIDs: https://terminology.hl7.org/external_terminologies.html and
// https://hl7.org/fhir/R4/terminologies-systems.html. The national editions of
// ICD-10 share the three-character categories that rules are written in, so they
// are one family here.
var aliases = map[string]string{
	"hl7.org/fhir/sid/icd-10-cm": icd10, "2.16.840.1.113883.6.90": icd10,
	"hl7.org/fhir/sid/icd-10": icd10, "2.16.840.1.113883.6.3": icd10,
	"hl7.org/fhir/sid/icd-10-am": icd10, "2.16.840.1.113883.6.135": icd10,
	"hl7.org/fhir/sid/icd-10-ca": icd10, "2.16.840.1.113883.6.3.2": icd10,
	"hl7.org/fhir/sid/icd-10-uk": icd10, "hl7.org/fhir/sid/icd-10-nl": icd10,
	"hl7.org/fhir/sid/icd-10-gm": icd10, "hl7.org/fhir/sid/icd-10-de": icd10,
	"hl7.org/fhir/sid/icd-10-us": icd10, "hl7.org/fhir/sid/icd-10-vn": icd10,
	"fhir.de/codesystem/bfarm/icd-10-gm": icd10, "fhir.de/codesystem/dimdi/icd-10-gm": icd10,
	"terminology.hl7.org/codesystem/icd10": icd10, "terminology.hl7.org/codesystem/icd10cm": icd10,
	"icd-10-cm": icd10, "icd-10": icd10, "icd10cm": icd10, "icd10": icd10,

	"hl7.org/fhir/sid/icd-9-cm": icd9, "hl7.org/fhir/sid/icd-9": icd9, "2.16.840.1.113883.6.103": icd9,
	"2.16.840.1.113883.6.2": icd9, "hl7.org/fhir/sid/icd-9-cm/diagnosis": icd9, "icd-9-cm": icd9,

	"www.cms.gov/medicare/coding/icd10": icd10pcs, "2.16.840.1.113883.6.4": icd10pcs,
	"hl7.org/fhir/sid/icd-10-pcs": icd10pcs, "icd-10-pcs": icd10pcs,

	"www.whocc.no/atc": atc, "2.16.840.1.113883.6.73": atc,

	"snomed.info/sct": snomed, "snomed.info/xsct": snomed, "snomed.info/id": snomed, "2.16.840.1.113883.6.96": snomed,
	"snomed-ct": snomed, "snomedct": snomed, "snomed ct": snomed,

	"loinc.org": loinc, "www.loinc.org": loinc, "2.16.840.1.113883.6.1": loinc, "loinc": loinc,

	"www.nlm.nih.gov/research/umls/rxnorm": rxnorm, "2.16.840.1.113883.6.88": rxnorm, "rxnorm": rxnorm,

	"www.ama-assn.org/go/cpt": cpt, "2.16.840.1.113883.6.12": cpt, "cpt": cpt, "cpt-4": cpt,

	"www.cms.gov/medicare/coding/hcpcsreleasecodesets": hcpcs, "2.16.840.1.113883.6.285": hcpcs,
	"2.16.840.1.113883.6.14": hcpcs, "www.cms.gov/medicare/coding/medhcpcsgeninfo": hcpcs,
	"terminology.hl7.org/codesystem/hcpcs-all-codes": hcpcs, "terminology.hl7.org/codesystem/hcpcs": hcpcs,
	"bluebutton.cms.gov/resources/codesystem/hcpcs": hcpcs, "hcpcs": hcpcs,
}

// maxSystem is the longest URL that can be an alias; longer ones are compared
// exactly.
const maxSystem = 128

// canonical returns the canonical URL of a system that has several names, "" for
// any other. It does not allocate.
func canonical(system []byte) string {
	var buf [maxSystem]byte
	if len(system) > maxSystem {
		return ""
	}
	return aliases[string(plainSystem(buf[:0], system))]
}

// plainSystem appends to dst the system without what often differs in spelling:
// case, surrounding space, scheme, version (after | or in SNOMED's edition URLs), a
// slash at the end.
func plainSystem(dst, system []byte) []byte {
	for _, c := range trim(system) {
		if c == '|' {
			break
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	for len(dst) > 0 && (dst[len(dst)-1] == '/' || dst[len(dst)-1] == ' ' || dst[len(dst)-1] == '\t') {
		dst = dst[:len(dst)-1]
	}
	for _, scheme := range [...]string{"http://", "https://", "urn:oid:"} {
		if len(dst) >= len(scheme) && string(dst[:len(scheme)]) == scheme {
			dst = dst[len(scheme):]
			break
		}
	}
	const edition = "snomed.info/sct/" // then the module, perhaps /version/ and a date
	if len(dst) > len(edition) && string(dst[:len(edition)]) == edition {
		return dst[:len(edition)-1]
	}
	return dst
}

// trim cuts what is not seen off both ends: white space of any kind, byte order marks and
// characters of no width, which come in with what people paste.
func trim(text []byte) []byte {
	if n := len(text); n == 0 || text[0] > ' ' && text[0] < utf8.RuneSelf && text[n-1] > ' ' && text[n-1] < utf8.RuneSelf {
		return text
	}
	return bytes.TrimFunc(text, func(r rune) bool {
		return r <= ' ' || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
	})
}

// normal appends the code to dst as codes of the form are compared.
func (f form) normal(dst, code []byte) []byte {
	code = trim(code)
	switch f {
	case upperNoDot:
		for _, c := range code {
			switch {
			case c >= 'a' && c <= 'z':
				c -= 'a' - 'A'
			case c == '.':
				continue
			case (c < 'A' || c > 'Z') && (c < '0' || c > '9'):
				return dst // dagger, asterisk, "F10.2 G"
			}
			dst = append(dst, c)
		}
		return dst
	case upper:
		for _, c := range code {
			if c >= 'a' && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
		}
		return dst
	}
	return append(dst, code...)
}

// normalText is normal for the codes of rules.
func (f form) normalText(code string) string { return string(f.normal(nil, []byte(code))) }

// familyOf returns the family of the system that a rule names, a new one of its own
// for a system without aliases.
func familyOf(system string) family {
	url := canonical([]byte(system))
	for _, f := range families {
		if f.url == url {
			return f
		}
	}
	return family{url: strings.TrimSpace(system)}
}
