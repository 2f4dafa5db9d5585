package attest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/erasure/certificate"
)

// Never is what no search of this package reaches, for [certificate.Statement.NotCovered].
func Never() []string {
	return []string{
		"backups, and copies that were taken of the stores",
		"snapshots of volumes and of machines",
		"swap",
		"core dumps outside the nodes' directories",
		"free blocks and the journal of the file system",
		"blocks that an SSD has set aside (wear levelling)",
		"salts in another encoding than raw bytes",
		"copies of a resource without its salt, such as exports",
	}
}

// NoMemory is added to [Never] where the memory of processes is not searched.
const NoMemory = "memory of running processes"

// Wanted is what is looked for. Nothing may be added once it is searched for.
type Wanted struct {
	Records []record.Ref
	prints  []erasure.Fingerprint
	canary  []erasure.Pattern

	once  sync.Once
	ready *erasure.Wanted
	fail  error
}

// prepare makes the search ready once for all stores and nodes.
func (w *Wanted) prepare() (*erasure.Wanted, error) {
	w.once.Do(func() { w.ready, w.fail = erasure.NewWanted(w.canary, w.prints...) })
	return w.ready, w.fail
}

// Add adds a record by the prints that its purge left. An error says that a print is
// malformed.
func (w *Wanted) Add(r record.Ref, prints []record.Print) error {
	for _, p := range prints {
		f, err := erasure.FingerprintFrom(r.ID, p)
		if err != nil {
			return fmt.Errorf("evidence of %s: %w", r.ID, err)
		}
		w.prints = append(w.prints, f)
	}
	w.Records = append(w.Records, r)
	return nil
}

// AddCanary adds a record about nobody, all bytes of which may be looked for, in
// every encoding.
func (w *Wanted) AddCanary(r record.Ref, c record.CanaryBytes) {
	w.canary = append(w.canary,
		erasure.Pattern{Name: r.ID + " salt", Bytes: c.Salt}, erasure.Pattern{Name: r.ID + " body", Bytes: c.Body})
	w.Records = append(w.Records, r)
}

// Node is one node to search.
type Node struct {
	Name, Kind string
	// Dirs are the directories that hold all that the node writes.
	Dirs []string
	// PID is the process whose memory is searched, 0 for none.
	PID        int
	Height     uint64
	ScrubbedAt time.Time // when it was compacted last; zero: not known
	// ScrubbedHeight is how many blocks it had when it was stopped for that.
	ScrubbedHeight uint64
}

// Residue is one store of a node in which bytes were found.
type Residue struct {
	Node, Store string
	Files       int
	Forms       map[string]int
	Records     int // how many records' bytes
}

func (r Residue) String() string {
	var forms []string
	for f, n := range r.Forms {
		forms = append(forms, fmt.Sprintf("%s %d", f, n))
	}
	slices.Sort(forms)
	return fmt.Sprintf("%s, %s: bytes of %d records in %d places (%s)", r.Node, r.Store, r.Records, r.Files, strings.Join(forms, ", "))
}

// Search looks for what is wanted on one node. It only reads, and the node may run.
// Several nodes may be searched at once. Of a peer, a database that every peer has and
// that is in none of the directories is named as not covered: the wrong ones were given.
// The error is that of a directory that cannot be opened, or of ctx.
func Search(ctx context.Context, n Node, w *Wanted, now func() time.Time) (certificate.Node, []Residue, error) {
	out := certificate.Node{Name: n.Name, Kind: n.Kind, Height: n.Height, SearchedAt: now().UTC().Format(time.RFC3339), Stores: []certificate.Store{}}
	if !n.ScrubbedAt.IsZero() {
		out.ScrubbedHeight = n.ScrubbedHeight
		out.ScrubbedAt = n.ScrubbedAt.UTC().Format(time.RFC3339)
	}
	wanted, err := w.prepare()
	if err != nil {
		return out, nil, err
	}
	var found []Residue
	add := func(name, method, root string, r *erasure.Report) {
		s := certificate.Store{Name: name, Method: method, Files: r.Files, Bytes: r.Bytes}
		for _, gap := range r.NotCovered {
			s.NotCovered = append(s.NotCovered, strings.TrimPrefix(strings.TrimPrefix(gap, root), string(filepath.Separator)))
		}
		if res := residue(n.Name, name, r); res.Files > 0 {
			s.Found, s.Forms = res.Files, res.Forms
			found = append(found, res)
		}
		out.Stores = append(out.Stores, s)
	}
	if n.Kind == peerKind {
		for _, name := range erasure.MissingStores(n.Dirs...) {
			add(name, "tables, journals", "", &erasure.Report{NotCovered: []string{"no such database in the directories that were named: are they this peer's?"}})
		}
	}
	named := realPaths(n.Dirs)
	for _, dir := range n.Dirs {
		roots, links, err := storesOf(dir)
		if err != nil {
			return out, found, fmt.Errorf("search %s: %w", n.Name, err)
		}
		for _, link := range links {
			if leadsInto(link.path, named) {
				continue // searched where it is
			}
			add(link.name, "raw", "", &erasure.Report{NotCovered: []string{"a symbolic link, not followed: name the directory that it leads to as one of the node's"}})
		}
		for _, root := range roots {
			r, err := erasure.Scan(ctx, erasure.Options{Roots: []string{root.path}, Wanted: wanted})
			if err != nil {
				if _, gone := os.Lstat(root.path); os.IsNotExist(gone) {
					continue // a file that came and went
				}
				return out, found, fmt.Errorf("search %s: %w", n.Name, err)
			}
			add(root.name, root.method(), root.path, r)
		}
	}
	if n.PID != 0 {
		r, err := wanted.ScanProcess(ctx, n.PID)
		if ctx.Err() != nil {
			return out, found, ctx.Err()
		}
		if err != nil {
			r = &erasure.Report{NotCovered: []string{err.Error()}}
		}
		add("memory", "memory", "", r)
	}
	return out, found, nil
}

// realPaths resolves links in the paths of directories.
func realPaths(dirs []string) []string {
	var out []string
	for _, dir := range dirs {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			out = append(out, real)
		}
	}
	return out
}

// leadsInto reports whether a link leads to one of the directories, or below one.
func leadsInto(link string, dirs []string) bool {
	target, err := filepath.EvalSymlinks(link)
	return err == nil && slices.ContainsFunc(dirs, func(dir string) bool {
		rel, err := filepath.Rel(dir, target)
		return err == nil && filepath.IsLocal(rel)
	})
}

// residue sums up what was found in one store.
func residue(node, store string, r *erasure.Report) Residue {
	out := Residue{Node: node, Store: store, Forms: map[string]int{}}
	places, records := map[string]bool{}, map[string]bool{}
	for _, f := range r.Findings {
		places[f.Path] = true
		id, _, _ := strings.Cut(f.Pattern, " ")
		records[id] = true
		out.Forms[string(f.Form)] += f.Count
	}
	out.Files, out.Records = len(places), len(records)
	return out
}

// root is one store of a node.
type root struct{ name, path string }

// inner are directories that hold stores rather than being one.
var inner = []string{"data", "ledgersData"}

// storesOf lists the stores below a node's directory: its entries, those of its data
// and ledgers one level deeper. What is a symbolic link comes apart: nobody follows it,
// and what it leads to was not searched.
func storesOf(dir string) (stores, links []root, err error) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, nil, err
	}
	err = list(real, "", &stores, &links)
	return stores, links, err
}

func list(dir, prefix string, stores, links *[]root) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		r := root{prefix + e.Name(), filepath.Join(dir, e.Name())}
		switch {
		case e.Type()&os.ModeSymlink != 0:
			*links = append(*links, r)
		case e.IsDir() && slices.Contains(inner, e.Name()):
			if err := list(r.path, r.name+"/", stores, links); err != nil {
				return err
			}
		case e.IsDir(), e.Type().IsRegular(): // not sockets
			*stores = append(*stores, r)
		}
	}
	return nil
}

// method says how a store is opened, in the words of [certificate.Store]. Whatever it
// is called, every file in it is read raw, as LevelDB table or journal, and as gzip.
func (r root) method() string {
	base := filepath.Base(r.path)
	info, err := os.Stat(r.path)
	switch {
	case strings.Contains(base, "snapshot"):
		return "snapshots"
	case strings.Contains(base, "log") && (err != nil || !info.IsDir()):
		return "logs"
	}
	if hits, err := filepath.Glob(filepath.Join(r.path, "CURRENT")); err == nil && len(hits) > 0 {
		return "tables, journals"
	}
	return "raw"
}
