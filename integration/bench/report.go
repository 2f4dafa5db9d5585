package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/status"
)

// Result is everything that was measured.
type Result struct {
	Machine    Machine   `json:"machine"`
	Quick      bool      `json:"quick"`
	LoadBefore float64   `json:"loadBefore"`
	LoadAfter  float64   `json:"loadAfter"`
	Sections   []Section `json:"sections"`
}

// Section is one question and its figures.
type Section struct {
	Title      string   `json:"title"`
	Note       string   `json:"note"`
	LoadBefore float64  `json:"loadBefore"`
	LoadAfter  float64  `json:"loadAfter"`
	Series     []Series `json:"series"`
	Ratios     []Ratio  `json:"ratios,omitempty"`
}

func (s *Section) add(list ...Series) { s.Series = append(s.Series, list...) }
func (s *Section) rate(list ...Ratio) { s.Ratios = append(s.Ratios, list...) }

// write prints the tables; with asJSON they go to stderr and JSON to stdout.
func (r Result) write(asJSON bool, stdout, stderr io.Writer) error {
	if !asJSON {
		return r.print(stdout)
	}
	if err := r.print(stderr); err != nil {
		return err
	}
	e := json.NewEncoder(stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// print writes tables in Markdown, aligned for a terminal as well.
func (r Result) print(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d cores, %.0f GB, Linux %s, %s\nload average %.1f before, %.1f after\n",
		r.Machine.CPU, r.Machine.Cores, r.Machine.MemoryGB, r.Machine.Kernel, r.Machine.Go, r.LoadBefore, r.LoadAfter)
	if r.Quick {
		fmt.Fprintln(w, "quick run: the figures mean nothing")
	}
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, s := range r.Sections {
		fmt.Fprintf(t, "\n### %s\n\n%s Load average %.1f to %.1f.\n\n", s.Title, s.Note, s.LoadBefore, s.LoadAfter)
		fmt.Fprintln(t, "| figure\t| unit\t| median\t| p25–p75\t| min–max\t| spread\t|")
		fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|")
		for _, x := range s.Series {
			fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s–%s\t| %s–%s\t| %.0f %%\t|\n",
				x.Name, x.Unit, short(x.Median), short(x.P25), short(x.P75), short(x.Min), short(x.Max), 100*x.Spread)
		}
		if len(s.Ratios) > 0 {
			fmt.Fprintln(t, "\n| result\t| value\t| aim\t|\t|")
			fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|")
		}
		for _, x := range s.Ratios {
			fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t|\n", x.Name, x.value(), x.Aim, x.verdict())
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (r Ratio) value() string {
	if r.Value == nil {
		return "refused: " + r.Refused
	}
	return short(*r.Value)
}

func (r Ratio) verdict() string {
	switch {
	case r.Reached == nil:
		return ""
	case *r.Reached:
		return "reached"
	}
	return "missed"
}

// short is a number with three digits that count.
func short(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// explain adds to an error of fabric-gateway what the nodes said.
func explain(err error) error {
	var s interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &s) {
		return err
	}
	for _, d := range s.GRPCStatus().Details() {
		if e, ok := d.(*gatewaypb.ErrorDetail); ok {
			err = fmt.Errorf("%w; %s: %s", err, e.GetAddress(), e.GetMessage())
		}
	}
	return err
}
