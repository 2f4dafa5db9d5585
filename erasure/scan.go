package erasure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// Options say what Scan searches for and where.
type Options struct {
	// Roots are directories or single files. A root may be a symbolic link; links below a root are not followed.
	Roots []string
	// Patterns are what to look for.
	Patterns []Pattern
	// Fingerprints are looked for, too; with them Patterns may be empty.
	Fingerprints []Fingerprint
	// Wanted, if set, stands for Patterns and Fingerprints, which are then ignored.
	Wanted *Wanted
	// Exclude are path.Match patterns against each slash-separated path below its root and against its last element.
	// What they match is skipped, a directory with all it holds, and named in Report.NotCovered.
	Exclude []string
	// MaxInflate is how many bytes may come out of the gzip streams of one file; 0 means 1 GiB. The rest is not covered.
	MaxInflate int64
}

// passes is how often a tree is listed: again and again until nothing new has appeared, since a running LevelDB moves
// entries to new files.
const passes = 5

// Scan searches every regular file below the roots. It only reads. Memory stays bounded by the largest single LevelDB
// block (whose size is that of its largest entry), whatever the size of the files.
//
// Files that cannot be searched fully do not make Scan fail, they are named in the report. It returns an error when a
// pattern or option is unusable (ErrPattern, path.ErrBadPattern), a root cannot be opened, or ctx ends.
func Scan(ctx context.Context, o Options) (*Report, error) {
	if o.Wanted == nil {
		w, err := NewWanted(o.Patterns, o.Fingerprints...)
		if err != nil {
			return nil, err
		}
		o.Wanted = w
	}
	for _, g := range o.Exclude {
		if _, err := path.Match(g, ""); err != nil {
			return nil, fmt.Errorf("erasure: exclude %q: %w", g, err)
		}
	}
	if len(o.Roots) == 0 {
		return nil, errors.New("erasure: no roots to scan: give at least one directory")
	}
	if o.MaxInflate <= 0 {
		o.MaxInflate = 1 << 30
	}
	r := &Report{}
	done := map[string]bool{}
	for _, root := range o.Roots {
		if done[root] {
			continue
		}
		done[root] = true
		r.Roots = append(r.Roots, root)
		if err := scanRoot(ctx, o.Wanted.m, &o, root, r); err != nil {
			return nil, err
		}
	}
	return r.finish(), nil
}

// tree is the scan of one root.
type tree struct {
	*files
	o       *Options
	name    string   // as given
	dir     *os.Root // confines every open to the tree
	single  string   // the only file to scan, when the root is a file
	results map[string]*result
	report  *Report
	fresh   bool // whether this pass met something new, so that another is needed
	retried bool // whether this pass read again what was not covered before
}

type result struct {
	tally
	info fs.FileInfo // nil when the file vanished
	read bool
}

func scanRoot(ctx context.Context, m *matcher, o *Options, root string, r *Report) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return fmt.Errorf("erasure: root: %w", err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return fmt.Errorf("erasure: root: %w", err)
	}
	t := &tree{files: &files{m: m, maxInflate: o.MaxInflate}, o: o, name: root, results: map[string]*result{}, report: r}
	if !info.IsDir() {
		real, t.single = filepath.Split(real)
	}
	if t.dir, err = os.OpenRoot(filepath.Clean(real)); err != nil {
		return fmt.Errorf("erasure: root: %w", err)
	}
	defer t.dir.Close()
	if err := t.scan(ctx); err != nil {
		return err
	}
	for _, res := range t.results {
		if res.read {
			r.Files++
		}
		r.merge(root, &res.tally)
	}
	return nil
}

func (t *tree) scan(ctx context.Context) error {
	start := "."
	if t.single != "" {
		start = t.single
	}
	for range passes {
		t.fresh, t.retried = false, false
		err := fs.WalkDir(t.dir.FS(), start, func(p string, d fs.DirEntry, err error) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return t.visit(ctx, p, d, err)
		})
		if err != nil {
			return err
		}
		if !t.fresh && !t.retried {
			return nil
		}
	}
	if !t.fresh {
		return nil
	}
	t.report.NotCovered = append(t.report.NotCovered, fmt.Sprintf("%s: new files kept appearing, listed %d times", t.name, passes))
	return nil
}

// place is how reports name the path p of the tree.
func (t *tree) place(p string) string {
	if t.single != "" {
		return t.name
	}
	return filepath.Join(t.name, filepath.FromSlash(p))
}

// visit handles one directory entry.
func (t *tree) visit(ctx context.Context, p string, d fs.DirEntry, walkErr error) error {
	if walkErr != nil {
		t.failed(p, walkErr)
		return nil
	}
	if t.excluded(p) {
		t.report.NotCovered = append(t.report.NotCovered, t.place(p)+": excluded")
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	}
	info, err := d.Info()
	if err != nil {
		t.failed(p, err)
		return nil
	}
	if old := t.results[p]; old != nil && old.info != nil && os.SameFile(old.info, info) {
		if len(old.gaps) == 0 || old.info.Size() == info.Size() {
			return nil
		}
		t.retried = true // it was still being written, perhaps
	} else {
		t.fresh = t.fresh || !d.IsDir()
	}
	res := &result{info: info}
	t.results[p] = res
	t.fileName(res, p, info)
	switch {
	case info.Mode().IsRegular():
		return t.regular(ctx, res, p)
	case info.Mode()&fs.ModeSymlink != 0:
		t.link(res, p)
	}
	return nil
}

// failed records that p could not be listed or opened.
func (t *tree) failed(p string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		if t.results[p] == nil || !t.results[p].read {
			t.report.Vanished = append(t.report.Vanished, t.place(p))
		}
		t.fresh = true // what it held may be in a file that this listing did not show
		return
	}
	t.report.NotCovered = append(t.report.NotCovered, t.place(p)+": "+plain(err))
}

// plain returns what went wrong without the path, which the report names itself.
func plain(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

func (t *tree) excluded(p string) bool {
	if p == "." {
		return false
	}
	for _, g := range t.o.Exclude {
		whole, _ := path.Match(g, p) // the patterns were checked by Scan
		last, _ := path.Match(g, path.Base(p))
		if whole || last {
			return true
		}
	}
	return false
}

// fileName searches the name of an entry. A hit is reported at the parent, because the report would show the name.
func (t *tree) fileName(res *result, p string, info fs.FileInfo) {
	if p != "." && t.single == "" {
		t.text(res, path.Dir(p), info.Name())
	}
}

func (t *tree) text(res *result, at, text string) {
	t.m.find([]byte(text), len(text), func(n *needle, _ int) {
		res.add(t.place(at), n.form.in(FormName), n.pattern, 0)
	})
}

// link searches the target's name of a symbolic link and says that a target outside the tree was not visited.
func (t *tree) link(res *result, p string) {
	target, err := t.dir.Readlink(p)
	if err != nil {
		t.failed(p, err)
		return
	}
	t.text(res, p, target)
	below := path.Join(path.Dir(p), filepath.ToSlash(target))
	if filepath.IsAbs(target) || below == ".." || strings.HasPrefix(below, "../") {
		res.gap(t.place(p), "symbolic link out of the tree, not followed")
	}
}

func (t *tree) regular(ctx context.Context, res *result, p string) error {
	f, err := t.dir.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			res.info = nil
		}
		t.failed(p, err)
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		res.gap(t.place(p), "changed into something else while scanning")
		return nil
	}
	res.info, res.read = info, true
	return t.file(ctx, &res.tally, t.place(p), f, info.Size())
}
