package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
)

// say prints words for people on standard error.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }

// printJSON prints one value as indented JSON on standard output.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printLine prints one value as one line of JSON on standard output.
func (a *app) printLine(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// newTable returns a table with plain borders that prints to w.
func newTable(w io.Writer, header ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Format.Footer = text.FormatDefault
	t.AppendHeader(header)
	return t
}

// bar is a progress bar on standard error, or nothing when that is no terminal. A
// nil bar is valid.
type bar struct{ p *progressbar.ProgressBar }

// progress starts a bar. total below 0 means unknown: a spinner.
func (a *app) progress(total int, what string) *bar {
	if !a.terminal() {
		return nil
	}
	return &bar{progressbar.NewOptions(total,
		progressbar.OptionSetWriter(a.err), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("records"),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30))}
}

func (b *bar) set(done, total int) {
	if b == nil {
		return
	}
	if total > 0 && int64(total) != b.p.GetMax64() {
		b.p.ChangeMax(total)
	}
	b.p.Set(done) //nolint:errcheck // only a display
}

func (b *bar) finish() {
	if b != nil {
		b.p.Finish() //nolint:errcheck // only a display
	}
}

// size prints a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
