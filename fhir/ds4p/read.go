package ds4p

import (
	"bytes"
	"strings"

	"domicile/fhir"
)

// The guide's extensions. Read recognises them by the tail, so that a label under a
// misspelt address ("https:", a version behind "|") still counts.
const (
	extensionBase = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/"
	// ExtensionInline labels the element that it is on.
	ExtensionInline = extensionBase + "extension-inline-sec-label"
	// ExtensionBasis names the policy that a label rests on.
	ExtensionBasis = extensionBase + "extension-sec-label-basis"
	// ExtensionArtifact leads to what justifies or documents a label.
	ExtensionArtifact = extensionBase + "extension-sec-label-related-artifact"
)

var (
	tailInline   = []byte("inline-sec-label")
	tailBasis    = []byte("sec-label-basis")
	tailArtifact = []byte("sec-label-related-artifact")
)

// Read returns every label of a resource: those of its own meta.security, and
// further inside the inline labels of elements (those of primitives in "_x" too),
// the labels of contained resources, of the entries of a Bundle and of parameters,
// and what an element securityLabel (of a DocumentReference, an AuditEvent's entity, a
// Contract's term) or the confidentiality of a Composition says of something else that
// the resource tells of. Those in the provisions of a Consent are conditions and no
// labels.
//
// Whatever stands where a label should counts as one, in whatever shape: a single
// object for a list, a list in a list, a text, "_security", names in another case.
// What cannot be read is a label without system and code, which no [Vocabulary]
// knows. Read never fails and never panics on a resource that passed [fhir.Parse].
func Read(r *fhir.Resource) Inbound {
	rd := reader{}
	if !mayLabel(r.Raw) {
		// No word that labels need is there; but meta itself may be no object.
		for range r.Security() {
			rd.in.Labels = append(rd.in.Labels, Label{Origin: OriginInbound})
		}
		return rd.in
	}
	_ = r.Objects(func(o fhir.Object) error {
		rd.object(o)
		return nil
	})
	if r.Type == "Bundle" {
		rd.revealing()
	}
	return rd.in
}

type reader struct{ in Inbound }

// mayLabel tells whether b has a word without which it cannot hold a label
// (security, sec-label, confidentiality, in any case), or writes letters as \u
// escapes, which might hide one.
func mayLabel(b []byte) bool {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case 'c', 'C':
			if b[i-1]|0x20 == 'e' && (foldPrefix(b[i+1:], "urity") || foldPrefix(b[i+1:], "-label")) {
				return true
			}
		case 'f', 'F':
			if b[i-1]|0x20 == 'n' && foldPrefix(b[i+1:], "identiality") {
				return true
			}
		case 'u':
			if b[i-1] == '\\' {
				return true
			}
		}
	}
	return false
}

// foldPrefix tells whether b begins with the lower-case word, in any case.
func foldPrefix(b []byte, word string) bool {
	if len(b) < len(word) {
		return false
	}
	for i := range len(word) {
		if c := b[i]; c != word[i] && c|0x20 != word[i] {
			return false
		}
	}
	return true
}

func (rd *reader) object(o fhir.Object) {
	if url, ok := o.MemberFold("url").Value(); ok && containsFold(url, tailInline) {
		rd.inline(o)
	}
	for _, name := range []string{"securityLabel", "_securityLabel"} {
		if of := o.MemberFold(name); of.Exists() && o.Name() != "provision" {
			rd.securityLabel(o, of)
		}
	}
	if kind := o.MemberFold("resourceType"); kind.Exists() {
		for name, v := range o.Members() {
			if isMeta(name) && v.Exists() {
				rd.meta(o, v, name == "meta")
			}
		}
		if kind, _ := kind.Value(); kind == "Composition" {
			rd.composition(o)
		}
		return
	}
	for _, name := range []string{"meta", "valueMeta"} {
		if m := o.MemberFold(name); m.Exists() {
			rd.meta(o, m, m.Name() == name)
		}
	}
}

// containsFold tells whether s has the lower-case word, in any case.
func containsFold(s string, word []byte) bool {
	return bytes.Contains(bytes.ToLower([]byte(s)), word)
}

func isMeta(name string) bool { return strings.EqualFold(strings.TrimPrefix(name, "_"), "meta") }

func isSecurity(name string) bool {
	return strings.EqualFold(strings.TrimPrefix(name, "_"), "security")
}

// add takes in a label of meta.security of the resource, or of one inside it.
func (rd *reader) add(of fhir.Object, l Label) {
	if of.IsRoot() {
		l.Origin = OriginInbound
		rd.in.Labels = append(rd.in.Labels, l)
		return
	}
	rd.in.Inline = append(rd.in.Inline, inside(l, of.Path(), WhereResource))
}

func inside(l Label, path string, where Where) Inline {
	l.Origin = OriginInline
	return Inline{Label: l, Path: path, Where: where}
}

// meta reads the labels of one meta of the object of, which may be anything but
// null.
func (rd *reader) meta(of, meta fhir.Object, exact bool) {
	switch {
	case meta.IsNull():
		return
	case !meta.IsObject():
		rd.add(of, Label{})
		for e := range meta.Elements() {
			if e.IsObject() {
				rd.security(of, e)
			}
		}
		return
	case !exact:
		rd.add(of, Label{})
	}
	rd.security(of, meta)
}

// security reads what the meta has under security, and under names that other
// readers might take for it.
func (rd *reader) security(of, meta fhir.Object) {
	for name, v := range meta.Members() {
		if isSecurity(name) && !v.IsNull() {
			for e := range v.Elements() {
				rd.label(of, e)
			}
		}
	}
}

// label reads one element of security; a list there is a label that cannot be read
// beside those in it.
func (rd *reader) label(of, e fhir.Object) {
	rd.add(of, rd.coding(e))
	if e.IsArray() {
		for n := range e.Elements() {
			rd.label(of, n)
		}
	}
}

// coding reads a label from its Coding; the zero label if it is none.
func (rd *reader) coding(c fhir.Object) Label {
	var l Label
	l.System, _ = c.Text("system")
	l.Code, _ = c.Text("code")
	bases := 0
	for e := range c.Each("extension") {
		url := e.Bytes("url")
		switch {
		case containsFold(string(url), tailInline):
		case bytes.Contains(url, tailBasis):
			bases++
			if b := basis(e); bases == 1 {
				l.Basis = b
			}
		case bytes.Contains(url, tailArtifact):
			l.Artifacts = append(l.Artifacts, rd.artifact(e))
		}
	}
	if bases > 1 || bases == 1 && l.Basis.Code == "" {
		rd.issue("T5", c, Error, "the policy that a label rests on is not named by exactly one code")
	}
	return l
}

func basis(extension fhir.Object) fhir.Coding {
	c := extension.Member("valueCoding")
	system, _ := c.Text("system")
	code, _ := c.Text("code")
	return fhir.Coding{System: system, Code: code}
}

// artifact reads a related artifact and judges it by the extension's invariants
// ext-1 (a warning) and ext-2 (an error).
func (rd *reader) artifact(extension fhir.Object) Artifact {
	v := extension.Member("valueRelatedArtifact")
	var a Artifact
	a.Type, _ = v.Text("type")
	a.Target = len(v.Bytes("url")) > 0 || len(v.Bytes("resource")) > 0 || v.Member("document").IsObject()
	if !a.Target {
		rd.issue("T6", extension, Error, "the related artifact of a label has no resource, url or document")
	}
	if a.Type != "justification" && a.Type != "documentation" {
		rd.issue("T6", extension, Warning, "the related artifact of a label is neither its justification nor its documentation")
	}
	return a
}

// inline reads the extension o, which labels the element around it.
func (rd *reader) inline(o fhir.Object) {
	path := o.Parent().Path()
	found := false
	for c := range o.Each("valueCoding") {
		found = true
		rd.in.Inline = append(rd.in.Inline, inside(rd.coding(c), path, WhereElement))
	}
	if !found {
		rd.in.Inline = append(rd.in.Inline, inside(Label{}, path, WhereElement))
	}
}

// securityLabel reads an element of that name on the object: concepts (a
// DocumentReference), codings (the entity of an AuditEvent), or their groups (the term
// of a Contract).
func (rd *reader) securityLabel(on, list fhir.Object) {
	for e := range list.Elements() {
		found := false
		for _, name := range []string{"coding", "classification", "category", "control"} {
			for c := range e.Each(name) {
				found = true
				rd.document(on, rd.coding(c))
			}
		}
		if !found {
			rd.document(on, rd.coding(e))
		}
	}
}

// composition reads the confidentiality of a document.
func (rd *reader) composition(o fhir.Object) {
	c := o.MemberFold("confidentiality")
	if !c.Exists() {
		return
	}
	if code, ok := c.Value(); ok {
		rd.document(o, Label{System: SystemConfidentiality, Code: code})
	} else {
		rd.document(o, Label{})
	}
}

func (rd *reader) document(on fhir.Object, l Label) {
	rd.in.Inline = append(rd.in.Inline, inside(l, on.Path(), WhereDocument))
}

// revealing warns of labels that tell what is inside a Bundle.
func (rd *reader) revealing() {
	v := Standard()
	for _, l := range rd.in.Labels {
		c := l.Coding()
		if !neutral[c.Code] && (v.In(c, Obligation) || v.In(c, Refrain)) {
			rd.in.Issues = append(rd.in.Issues, Issue{"T3", "Bundle.meta.security", Warning, "an obligation or refrain of the Bundle tells of its content"})
			return
		}
	}
}

func (rd *reader) issue(rule string, at fhir.Object, s Severity, text string) {
	rd.in.Issues = append(rd.in.Issues, Issue{rule, at.Path(), s, text})
}
