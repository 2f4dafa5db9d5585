package erasure

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// plaintextStores are the databases of a peer that hold, or held, private data in clear.
var plaintextStores = []string{"pvtdataStore", "stateLeveldb", "transientstore"}

// MissingStores names the databases that hold, or held, private data in clear on every peer
// and that are in none of the directories, at any depth: then these are not all of a peer's.
// A link by the name of a database counts when it leads to one.
func MissingStores(dirs ...string) []string {
	out := slices.Clone(plaintextStores)
	for _, dir := range dirs {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			dir = real
		}
		// What cannot be read is not found, and so missing.
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !slices.Contains(plaintextStores, filepath.Base(path)) {
				return nil
			}
			if _, err := os.Stat(filepath.Join(path, "CURRENT")); err == nil {
				out = slices.DeleteFunc(out, func(s string) bool { return s == filepath.Base(path) })
			}
			return nil
		})
	}
	return out
}

// CompactPeer compacts the databases of a stopped peer that hold private data in
// clear; dataDir is its peer.fileSystemPath.
func CompactPeer(ctx context.Context, dataDir string) error {
	_, err := compactPeer(ctx, dataDir)
	return err
}

func compactPeer(ctx context.Context, dataDir string) ([]ScrubbedStore, error) {
	stores, err := storesIn(dataDir)
	if err != nil {
		return nil, err
	}
	// The databases have nothing to do with each other, and each keeps one core busy.
	out := make([]ScrubbedStore, len(stores))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for i, dir := range stores {
		g.Go(func() (err error) {
			out[i], err = compactStore(ctx, dataDir, dir)
			return err
		})
	}
	return out, g.Wait()
}

// storesIn finds the databases of a peer that held private data in clear.
func storesIn(dataDir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dataDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(plaintextStores, d.Name()) {
			if _, err := os.Stat(filepath.Join(path, "CURRENT")); err == nil {
				out = append(out, path)
				return fs.SkipDir
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("erasure: look for databases: %w", err)
	}
	for _, want := range plaintextStores {
		if !slices.ContainsFunc(out, func(s string) bool { return filepath.Base(s) == want }) {
			return nil, fmt.Errorf("erasure: %s holds no LevelDB %s: is it the peer's fileSystemPath, and its state database goleveldb?", dataDir, want)
		}
	}
	return out, nil
}

func compactStore(ctx context.Context, root, dir string) (ScrubbedStore, error) {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return ScrubbedStore{}, err
	}
	before, err := sizeOf(dir)
	if err != nil {
		return ScrubbedStore{}, err
	}
	if err := Compact(ctx, dir); err != nil {
		return ScrubbedStore{}, err
	}
	// LevelDB's own diary names tables and sizes; an older copy of it is of no use to anybody.
	if err := os.Remove(filepath.Join(dir, "LOG.old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ScrubbedStore{}, err
	}
	after, err := sizeOf(dir)
	return ScrubbedStore{Dir: filepath.ToSlash(rel), Before: before, After: after}, err
}

func sizeOf(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	return n, err
}
