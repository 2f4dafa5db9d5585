package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"domicile/collections"
)

// confirmFlags are those of retention confirm.
type confirmFlags struct {
	log, region, by, date, source, private string
}

func (a *app) retentionConfirm() *cobra.Command {
	var f confirmFlags
	c := &cobra.Command{
		Use: "confirm --log LOG --by NAME --source TEXT POLICY ROW...", Short: "Say that you have read the law of retention rows",
		Long: `Writes into the private part of a log collection that a person has read the law and
that the rows say the same. Until then a row can only keep records, never destroy one. The
confirmation is for the row as it stands: whoever edits it, ends it.

The file is edited in place; comments stay. It names a person, and so it is in the private
part, which only the holder's peers have. It counts once domicile policy apply has put it
there. Without ROW, the rows are listed with what is confirmed.`,
		Example: `  domicile retention confirm --log us-a-log policy.yaml                 # what is confirmed and what not
  domicile retention confirm --log us-a-log --by "A. Counsel" --source "ARS 12-2297, read 2026-05-04" policy.yaml az-adult az-child`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.listConfirmations(args[0], f)
			}
			return a.confirm(args[0], args[1:], f)
		},
	}
	s := c.Flags()
	s.StringVar(&f.log, "log", "", "`LOG` collection whose holder confirms (required)")
	s.StringVar(&f.region, "region", "", "`REGION` of the rows (default: the log's, then those around it)")
	s.StringVar(&f.by, "by", "", "`NAME` of the person who read the law")
	s.StringVar(&f.source, "source", "", "what was read: the law, an opinion, its date")
	s.StringVar(&f.date, "date", "", "`DAY` on which it was read, YYYY-MM-DD (default: today)")
	s.StringVar(&f.private, "private", "", "`directory` of the private parts (default: private beside POLICY)")
	return c
}

// confirmable is a policy with the private part that confirms its rows.
type confirmable struct {
	path   string
	part   *collections.Private
	around []*collections.Region // the log's region, then those around it
}

func (f confirmFlags) open(file string) (*confirmable, error) {
	if file == demoName {
		return nil, usagef("the shipped policy confirms its own rows; name a policy file")
	}
	if f.log == "" {
		return nil, usagef("--log is missing: the log collection whose private part confirms")
	}
	p, err := readPolicy(file)
	if err != nil {
		return nil, err
	}
	r, _, ok := p.Collection(f.log)
	if !ok {
		return nil, usagef("the policy has no collection %s", f.log)
	}
	dir := f.private
	if dir == "" {
		dir = privateDir(file)
	}
	part, err := privateFor(file, dir, f.log)
	if err != nil {
		return nil, err
	}
	if err := part.Check(r); err != nil {
		return nil, err
	}
	c := &confirmable{path: filepath.Join(dir, f.log+".yaml"), part: part}
	for _, g := range p.Around(r.Name) {
		if f.region == "" || f.region == g.Name {
			c.around = append(c.around, g)
		}
	}
	if len(c.around) == 0 {
		return nil, usagef("region %s is neither that of %s nor around it", f.region, f.log)
	}
	return c, nil
}

// row returns the nearest row of a name.
func (c *confirmable) row(name string) (*collections.Region, *collections.Row, error) {
	for _, r := range c.around {
		if row, ok := r.Row(name); ok {
			return r, row, nil
		}
	}
	return nil, nil, usagef("there is no row %s in %s", name, c.names())
}

func (c *confirmable) names() string {
	var out []string
	for _, r := range c.around {
		out = append(out, "region "+r.Name)
	}
	return strings.Join(out, " or ")
}

func (a *app) confirm(file string, rows []string, f confirmFlags) error {
	if f.by == "" || f.source == "" {
		return usagef("--by and --source are missing: who read the law, and what")
	}
	today := time.Now().Format(time.DateOnly)
	if f.date == "" {
		f.date = today
	}
	if _, err := time.Parse(time.DateOnly, f.date); err == nil && f.date > today {
		return usagef("--date is the day on which the law was read, and that is to come")
	}
	c, err := f.open(file)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(c.path)
	if err != nil {
		return openError(err)
	}
	var done []collections.Confirmation
	for _, name := range rows {
		r, row, err := c.row(name)
		if err != nil {
			return err
		}
		k := collections.Confirmation{
			Region: r.Name, Row: row.Name, SHA256: collections.RowDigest(r.Name, *row), By: f.by, Date: f.date, Source: f.source,
		}
		if b, err = collections.Confirm(b, c.path, k); err != nil {
			return err
		}
		a.say("%s of %s: %s", row.Name, r.Name, row.Authority)
		done = append(done, k)
	}
	if err := replaceFile(c.path, b); err != nil {
		return err
	}
	for _, k := range done {
		if err := a.printLine(k); err != nil {
			return err
		}
	}
	a.say("written to %s; it counts once the private part is in force: domicile policy apply %s", c.path, file)
	return nil
}

// listConfirmations prints the rows that bind the holder of a log and who confirmed
// them.
func (a *app) listConfirmations(file string, f confirmFlags) error {
	c, err := f.open(file)
	if err != nil {
		return err
	}
	type line struct {
		Region     string `json:"region"`
		Row        string `json:"row"`
		Confidence string `json:"confidence"`
		Confirmed  bool   `json:"confirmed"`
		By         string `json:"by,omitempty"`
		Date       string `json:"date,omitempty"`
		Authority  string `json:"authority"`
	}
	lines := []line{}
	for _, r := range c.around {
		for _, row := range r.Retention {
			l := line{Region: r.Name, Row: row.Name, Confidence: row.Confidence, Authority: row.Authority}
			if k, ok := c.part.Confirmation(r.Name, row); ok {
				l.Confirmed, l.By, l.Date = true, k.By, k.Date
			}
			lines = append(lines, l)
		}
	}
	if a.json {
		return a.printJSON(lines)
	}
	t := newTable(a.out, "Region", "Row", "Sure", "Confirmed", "Authority")
	for _, l := range lines {
		who := "no"
		if l.Confirmed {
			who = fmt.Sprintf("%s, %s", l.By, l.Date)
		}
		t.AppendRow([]any{l.Region, l.Row, l.Confidence, who, l.Authority})
	}
	t.Render()
	return nil
}

// replaceFile writes a file anew and keeps its mode; whatever happens, the old or
// the new content is there.
func replaceFile(path string, b []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return openError(err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".confirm-*")
	if err != nil {
		return fmt.Errorf("writing beside %s: %w", path, err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone after the rename
	_, err = tmp.Write(b)
	if err == nil {
		err = tmp.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = tmp.Sync()
	}
	if e := tmp.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
