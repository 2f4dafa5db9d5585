package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
)

func (a *app) recordCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "record", Short: "Put, read, list and hold records",
		Long: `Records are FHIR R4 resources in JSON, kept byte for byte. They are named by opaque
ids. Patient identifiers are given in a file or on standard input, never as an argument,
because arguments show in process lists and shell histories.`,
		Example: `  domicile record put --region us bundle.json
  domicile record get --region us ID > resource.json`,
	}
	c.AddCommand(a.recordPut(), a.recordGet(), a.recordList(), a.recordHold(false), a.recordHold(true), a.recordOpen())
	return c
}

// putFlags are those of record put.
type putFlags struct {
	region, org, rules, validator string
	do                            gateway.ImportOptions
	terms                         record.Terms
}

func (a *app) recordPut() *cobra.Command {
	var o putFlags
	c := &cobra.Command{
		Use: "put --region REGION FILE|-", Short: "Put a resource, a Bundle or NDJSON, and anchor every record",
		Long: `Puts each resource as one record and prints one JSON line for each, in input order,
when it is committed: {id, collection, txId, block, hash}, and "held": true where a legal
hold takes it. Ends when all are anchored.

Bundles of type transaction, batch, collection, searchset and history are split into their
entries; document and message Bundles stay whole. The input is checked as a whole before
anything is sent.

Every record is labelled by the rules that the holder's private part names, and goes to the
collection that its type and labels ask for. What the input says about people (births, last
encounters) is recorded first, because retention depends on it.

Run again after an interruption, it puts what is missing: ids follow from the import's name,
which defaults to the SHA-256 of the input. A record that was purged since is reported with
"gone" and never put back; the exit status is then 1.`,
		Example: `  domicile record put --region us bundle.json
  domicile record put --region eu --as writer@EuSponsor - < patient.json
  domicile record put --region us --import lab-2026-05 export.ndjson`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.put(c.Context(), &o, args[0])
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` that will hold the records (default: the region's first)")
	f.StringVar(&o.do.Name, "import", "", "`name` of the import, from which ids follow (default: SHA-256 of the input)")
	f.StringVar(&o.do.Replaces, "replaces", "", "`id` of the record that this one replaces")
	f.StringVar(&o.do.Collection, "collection", "", "`collection` to put into (default: where the labels route)")
	f.BoolVar(&o.do.Whole, "whole", false, "keep a Bundle as one record")
	rulesFlag(c, &o.rules)
	f.StringVar(&o.validator, "validator", "", "`PROGRAM` that checks FHIR R4 where a collection asks for it (default: fhir-r4check beside domicile, if it is there)")
	f.BoolVar(&o.do.Part2, "part2", false, "declare that the records are of a Part 2 programme (42 CFR part 2)")
	f.StringSliceVar(&o.do.Classes, "class", nil, "retention `class` that the custodian gives the records; may be given several times")
	f.StringVar(&o.terms.Until, "terms-until", "", "`day` until which copies held for others are held")
	f.StringVar(&o.terms.Authority, "terms-authority", "", "`agreement` under which copies are held for others")
	return c
}

func (a *app) put(ctx context.Context, o *putFlags, path string) error {
	if o.do.Replaces != "" {
		if err := checkID(o.do.Replaces); err != nil {
			return err
		}
	}
	if o.terms != (record.Terms{}) {
		if err := checkTerms(o.terms); err != nil {
			return err
		}
		o.do.Terms = &o.terms
	}
	opts, closeAll, err := importOptions(ctx, o.rules, o.validator)
	if err != nil {
		return err
	}
	defer closeAll()
	in, done, err := a.input(path)
	if err != nil {
		return err
	}
	defer done()
	client, err := a.connect(ctx, where{o.region, o.org, record.RoleWriter}, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	b := a.progress(-1, "putting")
	o.do.Progress = func(p gateway.ImportProgress) { b.set(p.Done, p.Total) }
	var n putCount
	for r, err := range client.Import(ctx, in, o.do) {
		if err := n.add(a, r, err); err != nil {
			return err
		}
	}
	b.finish()
	return n.report(a)
}

func checkTerms(t record.Terms) error {
	if d, err := fhir.ParseDate(t.Until); t.Until != "" && (err != nil || d.String() != t.Until) {
		return usagef("--terms-until is a day, YYYY-MM-DD")
	}
	if t.Authority == "" {
		return usagef("--terms-until needs --terms-authority")
	}
	return nil
}

// putCount counts what became of an import.
type putCount struct {
	put, already, gone, due, held, failed int
	first                                 error
}

// add prints one receipt. It returns an error that ends the import.
func (n *putCount) add(a *app, r gateway.Receipt, err error) error {
	if err != nil && r.ID == "" {
		return err
	}
	if err != nil {
		if n.failed++; n.first == nil {
			n.first = err
		}
		return a.printLine(struct {
			ID    string      `json:"id"`
			Error record.Code `json:"error"`
			About string      `json:"about,omitempty"`
		}{r.ID, record.CodeOf(err), about(err)})
	}
	switch {
	case r.Gone:
		n.gone++
	case r.Already:
		n.already++
	default:
		n.put++
	}
	if pastRetention(r) {
		n.due++
	}
	if r.Held {
		n.held++
	}
	return a.printLine(r)
}

// about is what a refusal says beside its code, where that helps to correct the
// record: names of elements and rules, no values.
func about(err error) string {
	var e *record.Error
	if errors.As(err, &e) && (e.Code == record.CodeInvalidFHIR || e.Code == record.CodeBadLabels) {
		return e.Detail
	}
	return ""
}

// pastRetention reports whether a record that is there was due when it was put, and no
// hold keeps it.
func pastRetention(r gateway.Receipt) bool {
	return !r.Gone && !r.Held && slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "past its retention") })
}

func (n *putCount) report(a *app) error {
	a.say("%d put, %d there already, %d purged before, %d refused", n.put, n.already, n.gone, n.failed)
	if n.held > 0 {
		a.say("%d records are under a legal hold", n.held)
	}
	if n.due > 0 {
		a.say("warning: %d records are past their retention already and are due for purge at once", n.due)
	}
	switch {
	case n.first != nil:
		return fmt.Errorf("%d records were not stored or not anchored, the first: %w", n.failed, n.first)
	case n.gone > 0:
		return refused{
			fmt.Sprintf("%s: %d records of this import were purged before and are not put back", record.CodeGone, n.gone),
			"nothing brings a purged record back; with a lawful reason put a new one under another --import name",
		}
	}
	return nil
}

func (a *app) recordGet() *cobra.Command {
	var region, org string
	var salt bool
	c := &cobra.Command{
		Use: "get --region REGION ID", Short: "Print a record's bytes, exactly as they were put",
		Long: `Prints the resource byte for byte, without a newline of its own, after checking it
against the hash on the ledger. --salt prints the salt in hex instead: with the salt and the
bytes anybody can verify the record (domicile proof verify).`,
		Example: `  domicile record get --region us ID > resource.json
  domicile record get --region us --salt ID`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkID(args[0]); err != nil {
				return err
			}
			client, err := a.connect(c.Context(), where{region, org, record.RoleReader})
			if err != nil {
				return err
			}
			defer client.Close()
			r, err := client.Get(c.Context(), args[0])
			if err != nil {
				return err
			}
			if salt {
				_, err = fmt.Fprintln(a.out, hex.EncodeToString(r.Salt))
				return err
			}
			_, err = a.out.Write(r.Bytes)
			return err
		},
	}
	regionFlag(c, &region, true)
	c.Flags().StringVar(&org, "org", "", "`organisation` that reads (default: the region's first)")
	c.Flags().BoolVar(&salt, "salt", false, "print the salt in hex instead")
	return c
}

func (a *app) recordOpen() *cobra.Command {
	var key string
	var salt, raw bool
	c := &cobra.Command{
		Use: "open --key HEX [FILE|-]", Short: "Unseal an answer that the peer CLI or another client got",
		Long: `Private reads are answered sealed under the 32 bytes that the caller passed in the
transient field "key". This opens such an answer: it prints a record's bytes exactly, or the
JSON of any other answer.`,
		Example: `  peer chaincode query ... --transient '{...}' | domicile record open --key HEX
  domicile record open --key HEX --salt answer.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			k, err := hex.DecodeString(key)
			if err != nil || len(k) != record.SealKeyLen {
				return usagef("--key is %d bytes in hex", record.SealKeyLen)
			}
			path := "-"
			if len(args) == 1 {
				path = args[0]
			}
			sealed, err := a.readAll(path, 2*record.MaxBody)
			if err != nil {
				return err
			}
			answer, err := record.Open(k, sealed)
			if err != nil {
				return refused{err.Error(), "give the answer as it came, and the key that was in its request"}
			}
			if s, payload, err := record.DecodeValue(answer); err == nil && !raw {
				if salt {
					answer = []byte(hex.EncodeToString(s) + "\n")
				} else {
					answer = payload
				}
			} else if salt {
				return refused{"the answer is no record, so it has no salt", ""}
			}
			_, err = a.out.Write(answer)
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "", "the 32 bytes of the request, in `hex`")
	c.Flags().BoolVar(&salt, "salt", false, "print the record's salt in hex instead")
	c.Flags().BoolVar(&raw, "raw", false, "print the stored value: 0x01, salt, bytes")
	c.MarkFlagsMutuallyExclusive("salt", "raw")
	return c
}
