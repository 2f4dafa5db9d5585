package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
)

// listFlags say what record list lists.
type listFlags struct {
	region, org, collection string
	subject, dueBefore      string
	held, quarantined       bool
}

// listed is one line of record list.
type listed struct {
	ID         string          `json:"id"`
	Collection string          `json:"collection"`
	DueDate    string          `json:"dueDate,omitempty"`
	Size       int             `json:"size,omitempty"`
	Hash       string          `json:"hash,omitempty"`
	Held       bool            `json:"held,omitempty"`
	Quarantine bool            `json:"quarantined,omitempty"`
	Matters    []record.Matter `json:"matters,omitempty"`
}

func (a *app) recordList() *cobra.Command {
	var o listFlags
	c := &cobra.Command{
		Use: "list --region REGION", Short: "List records: all, about a person, due, held or quarantined",
		Long: `Lists the live records of the region that the organisation holds, with --json as one
JSON line each.

--subject names a file (or - for standard input) with one JSON document: a Patient
resource, {"reference": "Patient/ID"}, or {"system": "...", "value": "..."}.`,
		Example: `  domicile record list --region us
  domicile record list --region us --subject patient.json
  domicile record list --region us --due-before 2026-12-31
  domicile record list --region us --held --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.dueBefore != "" {
				d, err := fhir.ParseDate(o.dueBefore)
				if err != nil || d.String() != o.dueBefore {
					return usagef("--due-before is a day, YYYY-MM-DD")
				}
				if o.subject != "" {
					return usagef("--due-before and --subject exclude each other")
				}
			}
			return a.list(c.Context(), o)
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` that reads (default: the region's first)")
	f.StringVar(&o.collection, "collection", "", "only this `collection`")
	f.StringVar(&o.subject, "subject", "", "only records about the person in this `FILE|-`")
	f.StringVar(&o.dueBefore, "due-before", "", "only records that are due on this `day` or earlier")
	f.BoolVar(&o.held, "held", false, "only records under a legal hold, with the matters")
	f.BoolVar(&o.quarantined, "quarantined", false, "only records with a label that nobody here knows")
	return c
}

func (a *app) list(ctx context.Context, o listFlags) (err error) {
	role := record.RoleReader
	if o.held || o.quarantined || o.dueBefore != "" {
		role = record.RoleOfficer
	}
	client, err := a.connect(ctx, where{o.region, o.org, role})
	if err != nil {
		return err
	}
	defer client.Close()
	show := a.printLine
	if !a.json {
		t := newTable(a.out, "Record", "Collection", "Due", "Bytes", "Held")
		defer func() {
			if err == nil || t.Length() > 0 {
				t.Render()
			}
		}()
		show = func(v any) error {
			l := v.(listed)
			held := ""
			for _, m := range l.Matters {
				held += m.Matter + " "
			}
			if held == "" && l.Held {
				held = "yes"
			}
			if l.Quarantine {
				held += " quarantined"
			}
			t.AppendRow([]any{l.ID, l.Collection, l.DueDate, l.Size, held})
			return nil
		}
	}
	if o.dueBefore != "" && !o.held && !o.quarantined {
		return listDue(ctx, client, o, show)
	}
	return a.listLive(ctx, client, o, show)
}

// listLive lists through the subject index or all live records.
func (a *app) listLive(ctx context.Context, client *gateway.Client, o listFlags, show func(any) error) error {
	q := gateway.ListQuery{Collection: o.collection}
	if o.subject != "" {
		tokens, err := a.subjectTokens(client, o.subject)
		if err != nil {
			return err
		}
		q.Subjects = tokens
	}
	for e, err := range client.List(ctx, q) {
		if err != nil {
			return err
		}
		l := listed{
			ID: e.ID, Collection: e.Collection, DueDate: dated(e.DueDate), Size: e.Size, Hash: e.Hash, Held: e.Held, Quarantine: e.Quarantined,
		}
		if o.quarantined && !e.Quarantined {
			continue
		}
		if o.held {
			if !e.Held || o.dueBefore != "" && (e.DueDate == "" || e.DueDate > o.dueBefore) {
				continue
			}
			holds, err := client.Holds(ctx, gateway.HoldsQuery{Collection: e.Collection, IDs: []string{e.ID}})
			if err != nil {
				return err
			}
			for _, h := range holds {
				l.Matters = append(l.Matters, h.Matters...)
			}
		}
		if err := show(l); err != nil {
			return err
		}
	}
	return nil
}

// listDue lists the due index.
func listDue(ctx context.Context, client *gateway.Client, o listFlags, show func(any) error) error {
	names := []string{o.collection}
	if o.collection == "" {
		var err error
		if names, err = client.Collections(ctx); err != nil {
			return err
		}
	}
	for _, name := range names {
		for after := ""; ; {
			page, err := client.Due(ctx, name, o.dueBefore, after)
			if err != nil {
				return err
			}
			for _, e := range page.Entries {
				if e.Gone || e.Canary {
					continue
				}
				if err := show(listed{ID: e.ID, Collection: name, DueDate: e.Date, Size: e.Size}); err != nil {
					return err
				}
			}
			if page.Next == "" {
				break
			}
			after = page.Next
		}
	}
	return nil
}

// subjectTokens reads a person from a file and returns the index tokens. Its errors
// never repeat what the file holds.
func (a *app) subjectTokens(client *gateway.Client, path string) ([]string, error) {
	b, err := a.readAll(path, fhir.MaxBytes)
	if err != nil {
		return nil, err
	}
	if r, err := fhir.Parse(b); err == nil {
		if r.Type != "Patient" {
			return nil, record.Fail(record.CodeInput, "the subject file holds a resource that is no Patient")
		}
		tokens, err := client.SubjectTokens(r)
		if err == nil && len(tokens) == 0 {
			// Nobody would be held, and everybody listed.
			return nil, hinted{
				record.Fail(record.CodeInput, "the Patient has neither an id nor an identifier, by which its records could be found"),
				"add one of those that the records know the person by",
			}
		}
		return tokens, err
	}
	if !exactKeys(bytes.TrimSpace(b), "reference", "system", "value") {
		return nil, subjectError()
	}
	var s struct{ Reference, System, Value string }
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil || !errors.Is(d.Decode(new(any)), io.EOF) {
		return nil, subjectError()
	}
	switch {
	case s.Reference != "" && s.System == "" && s.Value == "" && strings.Contains(s.Reference, "/"):
		token, err := client.SubjectToken(s.Reference)
		return []string{token}, err
	case s.Reference == "" && s.Value != "":
		token, err := client.IdentifierToken(s.System, s.Value)
		return []string{token}, err
	}
	return nil, subjectError()
}

func subjectError() error {
	return hinted{
		record.Fail(record.CodeInput, "the subject file is not one of the three accepted forms"),
		`give a Patient resource, {"reference": "Patient/ID"} or {"system": "...", "value": "..."}`,
	}
}
