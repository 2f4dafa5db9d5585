package collections

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

var (
	// nameForm is narrower than Fabric's own rule for collection names
	// (collectionNameRegExp in core/chaincode/lifecycle/scc.go), so that names can
	// also stand in keys, file names and addresses.
	nameForm         = regexp.MustCompile(`^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$`)
	fabricForm       = regexp.MustCompile(`^[A-Za-z0-9-]+([A-Za-z0-9_-]+)*$`)
	mspForm          = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$`)
	jurisdictionForm = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)
)

const maxName = 64

func (c *checker) name(s string, at place) {
	if !nameForm.MatchString(s) || len(s) > maxName {
		c.add(at, "%s is not a name that Fabric and file names allow; use letters, digits and single - or _ between them, at most %d", show(s), maxName)
	}
}

// silent reports a name that says why records lie there.
func (c *checker) silent(s string, at place) {
	if word := Betrays(s); word != "" {
		c.add(at, "%s says why records lie there (%s), and it is in clear in every block; name it by who holds it, such as us-a2", show(s), word)
	}
}

// betrayWords are refused as a whole word of a name, digits and a plural s left
// aside: codes of labels, conditions, resource types, and what may be done with a
// record.
var betrayWords = strings.Fields(`
	sud eth etu aud oud hiv aids std sti sex sexual psy psych psychiatry mh bh dv sdv vio abuse addict addiction alcohol drug drugs
	detox rehab narcotic overdose methadone mental mind suicide trauma repro reproductive pregnant pregnancy abortion contraception
	maternity fertility ivf gender trans lgbt genetic genetics genomic genome dna gdis sca cancer oncology tumor tumour palliative
	hospice dementia autism epilepsy diabetes hepatitis tb tuberculosis covid sti vip celebrity child children minor minors adolescent
	teen pediatric paediatric juvenile prison inmate veteran veterans migrant refugee victim violence assault rape
	restricted confidential sensitive segregated secret vaulted protected part2 cfr 42cfr hipaa mhmda gdpr
	hold holds legal litigation court subpoena erasure erase purge purged due consent revoked withdrawn optout
	patient patients encounter observation condition diagnosis medication procedure claim claims immunization specimen imaging radiology`)

// betrayStems are refused anywhere in a name, separators left aside.
var betrayStems = strings.Fields(`
	part2 42cfr opioid opiate substance addict psychi psycho mentalh behavioralh behaviouralh suicid alcohol narcot methadon
	buprenorph reprod abortion contracept pregnan genderaff transgender oncolog hivpos sexual litigat subpoena confidential sensitiv segregat`)

// Betrays returns the word by which a name says why records are where they are, ""
// if none is found. The list holds the plain cases; that a name is silent to
// insiders no list can tell.
func Betrays(name string) string {
	flat := strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(name))
	for _, stem := range betrayStems {
		if strings.Contains(flat, stem) {
			return stem
		}
	}
	for _, w := range words(name) {
		for _, form := range []string{w, strings.Trim(w, "0123456789"), strings.TrimSuffix(strings.Trim(w, "0123456789"), "s")} {
			if slices.Contains(betrayWords, form) {
				return form
			}
		}
	}
	return ""
}

var wordForm = regexp.MustCompile(`[A-Z]*[a-z0-9]+|[A-Z0-9]+`)

// words splits a name at separators and at the humps of CamelCase.
func words(name string) []string {
	var out []string
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		out = append(out, strings.ToLower(part))
		for _, hump := range wordForm.FindAllString(part, -1) {
			out = append(out, strings.ToLower(hump))
		}
	}
	return out
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
