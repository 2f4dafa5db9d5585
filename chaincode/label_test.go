package chaincode_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/ds4p"
)

func withLabels(labels ...record.Label) func(*record.PutRecord) {
	return func(r *record.PutRecord) { r.Labels = labels }
}

func codes(labels []record.Label) string {
	var out []string
	for _, l := range labels {
		out = append(out, l.Code+"/"+l.Origin)
	}
	return strings.Join(out, " ")
}

func TestLabels_without_any_given_a_record_has_its_own_and_the_holders_default(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.part(func(p *collections.Private) {
		p.Labels.Default = "U"
		p.Labels.Confidentiality = []collections.Confidentiality{{Label: collections.Label{Code: "DELAU"}, Is: "R"}}
	})
	plain := w.explain("us-a", w.put("us-a", encounter("1999-12-31", "CPLYCD"))).Meta
	if got := codes(plain.Labels); got != "CPLYCD/inbound U/default" {
		t.Errorf("labels %s", got)
	}
	mapped := w.explain("us-a", w.put("us-a", encounter("1999-12-31", "DELAU"))).Meta
	if got := codes(mapped.Labels); got != "DELAU/inbound R/map" {
		t.Errorf("labels %s", got)
	}
	if plain.LabelDigest == mapped.LabelDigest || !strings.HasPrefix(plain.LabelDigest, "ds4p-1/sha256:") || !strings.HasPrefix(plain.Content, "frc-1/sha256:") {
		t.Errorf("digests %q, %q and %q", plain.LabelDigest, mapped.LabelDigest, plain.Content)
	}
}

// Without entries in the holder's map, what carries a stigma is R, as for a client that
// labels.
func TestLabels_without_any_given_get_the_confidentiality_that_the_labelling_service_gives(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for body, want := range map[string]string{
		"HIV": "HIV/inbound R/map", "OPIOIDUD": "OPIOIDUD/inbound R/map",
	} {
		if got := codes(w.explain("us-a2", w.put("us-a2", encounter("1999-12-31", body))).Meta.Labels); got != want {
			t.Errorf("labels %s, want %s", got, want)
		}
	}
}

// The collection follows from holder, labels and posture, and the contract does not take
// the client's word for any of them.
func TestLabels_of_the_holders_posture_are_rechecked_by_the_contract(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	before := w.put("us-a", encounter("1999-12-31"))
	part2 := actCode("42CFRPart2")
	part2.Origin = record.OriginPosture
	w.change(func(p *collections.Private) { p.Custodian.Part2 = collections.Part2Program })
	rec := newRecord()
	w.refuses(putCall("us-a", rec, encounter("1999-12-31")), record.CodeWrongCollection)
	id := w.put("us-a2", encounter("1999-12-31"))
	if got := codes(w.explain("us-a2", id).Meta.Labels); !strings.Contains(got, "42CFRPart2/posture") || !strings.Contains(got, "R/policy") {
		t.Errorf("labels %s", got)
	}
	rec.Labels = []record.Label{confidentiality("N")}
	if e := w.refuses(putCall("us-a", rec, encounter("1999-12-31")), record.CodeBadLabels); e.Detail != rec.ID+" P2" {
		t.Errorf("the error says %q", e.Detail)
	}
	w.nothingHandedOut()
	rec.Labels = []record.Label{confidentiality("R"), part2}
	w.submit(putCall("us-a2", rec, encounter("1999-12-31")))
	w.put("us-a", []byte(`{"resourceType":"Organization"}`), withLabels(confidentiality("N")))

	// What an officer decided may go where it then belongs, and nothing else may call
	// itself the continuation of a record without the label.
	w.submit(amendCall(theOfficer, "us-a2", relabelTo(id, "no record of the programme", confidentiality("N"))))
	copied := newRecord()
	copied.Labels, copied.MovedFrom = []record.Label{confidentiality("N")}, &record.Ref{Collection: "us-a2", ID: id}
	w.refuses(putCall("us-a", copied, encounter("1998-12-31")), record.CodeBadLabels)
	w.submit(putCall("us-a", copied, encounter("1999-12-31")))
	if got := codes(w.explain("us-a", before).Meta.Labels); got != "N/default" {
		t.Errorf("what was there before has %s", got)
	}
}

func TestLabels_at_rest_are_strict(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	part2 := func(origin string) []record.Label {
		l := actCode("42CFRPart2")
		l.Origin = origin
		return []record.Label{confidentiality("R"), l}
	}
	inline := []byte(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB","extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}}]}}`)
	for name, c := range map[string]struct {
		coll   string
		body   []byte
		labels []record.Label
		want   record.Code // "" for accepted
	}{
		"one confidentiality":                    {"us-a", encounter("1999"), []record.Label{confidentiality("N")}, ""},
		"no confidentiality":                     {"us-a", encounter("1999"), []record.Label{actCode("DELAU")}, record.CodeBadLabels},
		"two confidentialities":                  {"us-a", encounter("1999"), []record.Label{confidentiality("N"), confidentiality("R")}, record.CodeBadLabels},
		"a label of the resource left out":       {"us-a", encounter("1999", "CPLYCD"), []record.Label{confidentiality("N")}, record.CodeBadLabels},
		"a label of the resource made narrower":  {"us-a2", encounter("1999", "ETH"), []record.Label{confidentiality("R"), actCode("OPIOIDUD")}, ""},
		"lower than inside the resource":         {"us-a", inline, []record.Label{confidentiality("N"), actCode("PROCESSINLINELABEL")}, record.CodeBadLabels},
		"inline without PROCESSINLINELABEL":      {"us-a", inline, []record.Label{confidentiality("R")}, record.CodeBadLabels},
		"inline with PROCESSINLINELABEL":         {"us-a", inline, []record.Label{confidentiality("R"), actCode("PROCESSINLINELABEL")}, ""},
		"inline and nothing given":               {"us-a", inline, nil, ""},
		"two policies without basis":             {"us-a", encounter("1999"), []record.Label{confidentiality("N"), actCode("HIPAAROA"), actCode("CommonRule")}, record.CodeBadLabels},
		"Part 2 from a rule":                     {"us-a2", encounter("1999"), part2(record.OriginRule), record.CodeBadLabels},
		"Part 2 from nowhere":                    {"us-a2", encounter("1999"), part2(""), record.CodeBadLabels},
		"Part 2 that the resource does not have": {"us-a2", encounter("1999"), part2(record.OriginInbound), record.CodeBadLabels},
		"Part 2 of the resource":                 {"us-a2", encounter("1999", "42CFRPart2"), part2(record.OriginInbound), ""},
		"Part 2 by consent":                      {"us-a2", encounter("1999"), part2(record.OriginConsent), ""},
		"Part 2 by its Bundle":                   {"us-a2", encounter("1999"), part2(record.OriginBundle), ""},
		"Part 2 by declaration":                  {"us-a2", encounter("1999"), part2(record.OriginDeclared), ""},
		"Part 2 by a posture it does not have":   {"us-a2", encounter("1999"), part2(record.OriginPosture), record.CodeBadLabels},
		"Part 2 by an officer at put":            {"us-a2", encounter("1999"), part2(record.OriginOfficer), record.CodeBadLabels},
		"labels that ask for another collection": {"us-a", encounter("1999"), []record.Label{confidentiality("R"), actCode("HIV")}, record.CodeWrongCollection},
		"a label that nobody knows":              {"us-a", encounter("1999"), []record.Label{confidentiality("N"), actCode("NOREDISCLOSE")}, record.CodeUnknownLabel},
		"a label of the resource nobody knows":   {"us-a", encounter("1999", "NOREDISCLOSE"), nil, record.CodeUnknownLabel},
		"an origin that is none":                 {"us-a", encounter("1999"), []record.Label{{Code: "N", Origin: canary}}, record.CodeBadRequest},
		"too many labels":                        {"us-a", encounter("1999"), make([]record.Label, 257), record.CodeTooLarge},
		"a code without end":                     {"us-a", encounter("1999"), []record.Label{{Code: strings.Repeat("N", 513)}}, record.CodeBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			sub := &world{w.Memory, t}
			rec := newRecord()
			rec.Labels = c.labels
			call := putCall(c.coll, rec, c.body)
			if c.want == "" {
				sub.submit(call)
				return
			}
			if e := sub.refuses(call, c.want); c.want == record.CodeBadLabels && !strings.HasPrefix(e.Detail, rec.ID) {
				t.Errorf("the error %q does not name the record", e)
			}
			sub.nothingHandedOut()
		})
	}
	w.part(func(p *collections.Private) { p.Custodian.Part2 = collections.Part2Program })
	w.put("us-a2", encounter("1999"), withLabels(part2(record.OriginPosture)...))
}

// T9: a label that nobody knows fails closed.
func TestLabels_unknown_ones_are_quarantined_where_the_collection_says_so(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.part(func(p *collections.Private) {
		p.Settings = map[string]collections.Setting{"us-a": {Unknown: collections.UnknownQuarantine}}
	})
	id := w.put("us-a", encounter("1999-12-31", "NOREDISCLOSE"))
	m := w.explain("us-a", id).Meta
	if !m.Quarantined || !slices.ContainsFunc(m.Labels, func(l record.Label) bool { return l.System == ds4p.SystemConfidentiality && l.Code == "R" }) {
		t.Errorf("quarantined %v with labels %s", m.Quarantined, codes(m.Labels))
	}
	if !w.state("us-a", id).Quarantined {
		t.Error("the record does not say that it is quarantined")
	}
	wantCode(t, w.get(record.RoleReader, "us-a", id), record.CodeQuarantined)
	wantCode(t, w.get(record.RoleWriter, "us-a", id), record.CodeQuarantined)
	if err := w.get(record.RoleOfficer, "us-a", id); err != nil {
		t.Errorf("an officer is refused: %v", err)
	}
	w.refuses(amendCall(writer, "us-a", relabelTo(id, "", confidentiality("R"))), record.CodeDowngrade)
	w.submit(amendCall(theOfficer, "us-a", relabelTo(id, "no code of any system", confidentiality("R"))))
	if err := w.get(record.RoleReader, "us-a", id); err != nil {
		t.Errorf("after the relabelling: %v", err)
	}
	wantCode(t, w.get(record.RoleOfficer, "us-a", id), record.CodeForbidden)
}

// A label inside the resource that cannot be read could be any: it is routed, held and kept
// as the strictest asks, like one on the resource itself, and no client can leave it out.
func TestT9_what_cannot_be_read_inside_a_resource_counts_as_on_it(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.change(func(p *collections.Private) {
		p.Settings = map[string]collections.Setting{"us-a": {Unknown: collections.UnknownQuarantine}, "us-a2": {Unknown: collections.UnknownQuarantine}}
		p.Routing = []collections.Rule{{Collection: "us-a2", Labels: []collections.Label{{Code: "SUD"}}}}
	})
	body := []byte(`{"resourceType":"Encounter","contained":[{"resourceType":"Observation","id":"x","meta":{"security":[{"display":"secret"}]}}]}`)
	unread := record.Label{Origin: record.OriginInline}
	refused := func(coll string, code record.Code, labels ...record.Label) {
		t.Helper()
		rec := newRecord()
		withLabels(labels...)(&rec)
		w.refuses(putCall(coll, rec, body), code)
	}
	refused("us-a", record.CodeWrongCollection, confidentiality("R"), unread)
	refused("us-a", record.CodeBadLabels, confidentiality("R"))
	id := w.put("us-a2", body, withLabels(confidentiality("R"), unread))
	if !w.explain("us-a2", id).Meta.Quarantined {
		t.Error("not quarantined")
	}
}

func TestI2_T06_the_amendment_of_a_quarantined_record_has_the_shape_of_any(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.change(func(p *collections.Private) {
		p.Settings = map[string]collections.Setting{"us-a": {Unknown: collections.UnknownQuarantine}}
	})
	shut := w.put("us-a", []byte(`{"resourceType":"Encounter","contained":[{"resourceType":"Observation","id":"x","meta":{"security":[{"system":"urn:nobody","code":"Q"}]}}]}`))
	var shapes []string
	for _, id := range []string{shut, w.put("us-a", encounter("1999-12-31"))} {
		tx, err := w.Endorsed(amendCall(writer, "us-a", relabelTo(id, "", confidentiality("R"), record.Label{System: "urn:nobody", Code: "Q"}, actCode("CPLYCD"))))
		if err != nil {
			t.Fatal(err)
		}
		shapes = append(shapes, tx.Shape())
	}
	if shapes[0] != shapes[1] {
		t.Errorf("amendments differ: %q", shapes)
	}
}

// What nobody knows inside a resource closes it as long as no officer has decided, whatever
// the labels at rest say.
func TestLabels_no_relabelling_by_a_writer_ends_a_quarantine(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	w.change(func(p *collections.Private) {
		p.Settings = map[string]collections.Setting{"us-a": {Unknown: collections.UnknownQuarantine}}
	})
	const unknown = `{"system":"urn:nobody","code":"Q"}`
	for name, body := range map[string]string{
		"on the resource": `{"resourceType":"Encounter","meta":{"security":[` + unknown + `]}}`,
		"on a contained":  `{"resourceType":"Encounter","contained":[{"resourceType":"Observation","id":"x","meta":{"security":[` + unknown + `]}}]}`,
		"on an element":   `{"resourceType":"Encounter","_status":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":` + unknown + `}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{w.Memory, t}
			id := w.put("us-a", []byte(body))
			wantCode(t, w.get(record.RoleReader, "us-a", id), record.CodeQuarantined)
			labels := append(w.explain("us-a", id).Meta.Labels, actCode("CPLYCD"))
			w.submit(amendCall(writer, "us-a", relabelTo(id, "known by now", labels...)))
			wantCode(t, w.get(record.RoleReader, "us-a", id), record.CodeQuarantined)
			w.submit(amendCall(theOfficer, "us-a", relabelTo(id, "means nothing", confidentiality("N"), actCode("PROCESSINLINELABEL"))))
			if err := w.get(record.RoleReader, "us-a", id); err != nil {
				t.Error(err)
			}
		})
	}
}

// T4, at rest and for ever: no reason of an officer takes away the obligation to process
// inline labels from a record whose elements have some.
func TestLabels_on_elements_keep_the_obligation_to_process_them(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	element := []byte(`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB","extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}}]}}`)
	process := actCode("PROCESSINLINELABEL")
	id := w.put("us-a", element)
	if m := w.explain("us-a", id).Meta; m.Inline == nil || !*m.Inline {
		t.Error("the metadata does not say that elements have labels")
	}
	for _, as := range []chaincodetest.Identity{writer, theOfficer} {
		if e := w.refuses(amendCall(as, "us-a", relabelTo(id, "reviewed", confidentiality("R"))), record.CodeBadLabels); e.Detail != id+" T4" {
			t.Errorf("the error says %q", e.Detail)
		}
	}
	w.submit(amendCall(theOfficer, "us-a", relabelTo(id, "reviewed", confidentiality("N"), process)))
	w.refuses(amendCall(theOfficer, "us-a", relabelTo(id, "again", confidentiality("N"))), record.CodeBadLabels)

	// One that came with the obligation and has no such labels may lose it.
	other := w.put("us-a", encounter("1999-12-31", "PROCESSINLINELABEL"))
	if m := w.explain("us-a", other).Meta; m.Inline == nil || *m.Inline {
		t.Error("the metadata says that elements have labels")
	}
	w.submit(amendCall(theOfficer, "us-a", relabelTo(other, "there are none", confidentiality("N"))))
}

// A label on a part of a resource, contained or on an element, sends the whole where it
// asks, also when the client says nothing of it.
func TestLabels_inside_a_resource_are_not_lost_and_route_it(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	const notes = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"PSYTHPN"}`
	for name, body := range map[string]string{
		"contained": `{"resourceType":"Encounter","contained":[{"resourceType":"Observation","id":"x","meta":{"security":[` + notes + `]}}]}`,
		"inline":    `{"resourceType":"Encounter","_status":{"extension":[{"url":"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label","valueCoding":` + notes + `}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{w.Memory, t}
			w.refuses(putCall("us-a", newRecord(), []byte(body)), record.CodeWrongCollection)
			rec := newRecord()
			rec.Labels = []record.Label{confidentiality("V"), actCode("PROCESSINLINELABEL")}
			if e := w.refuses(putCall("us-a", rec, []byte(body)), record.CodeBadLabels); !strings.HasSuffix(e.Detail, " T8") {
				t.Errorf("the error says %q", e.Detail)
			}
			id := w.put("us-a3", []byte(body))
			if got := codes(w.explain("us-a3", id).Meta.Labels); !strings.Contains(got, "PSYTHPN/inline") {
				t.Errorf("labels %s", got)
			}
		})
	}
}

// A holder that ceases to be a programme keeps the records of its programme.
func TestLabels_of_a_posture_outlive_it(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	part2 := actCode("42CFRPart2")
	part2.Origin = record.OriginPosture
	w.change(func(p *collections.Private) { p.Custodian.Part2 = collections.Part2Program })
	id := w.put("us-a2", encounter("1999-12-31"), withLabels(confidentiality("R"), part2))
	w.change(func(p *collections.Private) { p.Custodian.Part2 = collections.Part2None })
	w.submit(amendCall(writer, "us-a2", relabelTo(id, "", confidentiality("R"), part2, actCode("CPLYCD"))))
	w.refuses(amendCall(writer, "us-a2", relabelTo(id, "", confidentiality("R"), actCode("CPLYCD"))), record.CodeDowngrade)
	rec := newRecord()
	rec.Labels = []record.Label{confidentiality("R"), part2}
	w.refuses(putCall("us-a2", rec, encounter("1999-12-31")), record.CodeBadLabels)
}

func TestLabels_come_from_the_rules_that_the_private_part_names(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	old, rules := strings.Repeat("0", 64), strings.Repeat("a", 64)
	before := w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Rules = old })
	w.part(func(p *collections.Private) { p.Labels.Rules = rules })
	for _, given := range []string{"", old} {
		rec := newRecord()
		rec.Rules = given
		w.refuses(putCall("us-a", rec, encounter("1999-12-31")), record.CodeStaleRules)
		change := relabelTo(before, "", confidentiality("N"))
		change.Rules = given
		w.refuses(amendCall(writer, "us-a", change), record.CodeStaleRules)
	}
	id := w.put("us-a", encounter("1999-12-31"), func(r *record.PutRecord) { r.Rules = rules })
	if got := w.state("us-a", id).Rules; got != rules {
		t.Errorf("stamped %q", got)
	}
	change := relabelTo(before, "", confidentiality("N"))
	change.Rules = rules
	w.submit(amendCall(writer, "us-a", change))
	if m := w.explain("us-a", before).Meta; m.Rules != rules || len(m.History) != 0 {
		t.Errorf("stamped %q, history %d", m.Rules, len(m.History))
	}
}

// T11: DELAU and NOPERSISTP make a short deadline for a recipient's copy.
func TestLabels_that_ask_for_deletion_after_use_need_terms_with_an_end_in_a_copy(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	both := []string{"UsHospital", "UsPayer"}
	for _, terms := range []*record.Terms{nil, {Authority: "a"}, {Authority: "a", Until: "2026-01-31"}} {
		rec := newRecord()
		rec.Terms = terms
		c := chaincodetest.Write(writer, record.OpPut, putRequest("us-ab", rec), both, encounter("1999-12-31", "DELAU"))
		if terms != nil && terms.Until != "" {
			w.submit(c)
		} else {
			w.refuses(c, record.CodeBadLabels)
		}
	}
}
