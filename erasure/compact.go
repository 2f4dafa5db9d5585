package erasure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
	"github.com/syndtr/goleveldb/leveldb/util"
)

// Errors of Compact.
var (
	// ErrInUse means that a running process has the database open: stop the peer first.
	ErrInUse = errors.New("erasure: database is in use")
	// ErrNotLevelDB means that the directory holds no LevelDB.
	ErrNotLevelDB = errors.New("erasure: not a LevelDB directory")
	// ErrResidue means that deleted or replaced versions are still in the files after compaction.
	ErrResidue = errors.New("erasure: database still holds old versions")
)

// Compact rewrites the LevelDB in dir so that its files hold nothing but the live version of each live key. The process it
// belongs to must be stopped. The content of the database does not change, also when Compact is interrupted: run it again.
//
// A range compaction alone leaves old versions where a table lies alone on the deepest level: LevelDB then has nothing to
// merge it with. Compact therefore first writes a key of each table again as it is (a live key with its value, a deleted
// one as deleted), so that a newer table overlaps with each of them. It then opens the database twice more, which unlinks the replaced files, and finally
// reads every table and journal to check that no old version is left. Where one is, or where the manifest still names a
// deleted key as the place where compaction goes on, it does so once more, with the first and the last key of each table.
//
// ctx is looked at between these steps only. The freed disk blocks still hold the old bytes until they are overwritten or
// trimmed. The errors are ErrInUse, ErrNotLevelDB, ErrResidue, ctx's, or LevelDB's own.
func Compact(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "CURRENT")); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNotLevelDB, dir, err)
	}
	// Opening moves what the journal holds into tables, so that the first compaction meets tables only.
	err := compactBy(ctx, dir, rewrite, rewriteAgain)
	if errors.Is(err, ErrResidue) {
		err = compactBy(ctx, dir, rewriteTwice, rewriteAgain)
	}
	return err
}

// compactBy takes the steps, each on the database opened anew, opens it twice more and checks what came of it.
func compactBy(ctx context.Context, dir string, steps ...func(context.Context, *leveldb.DB, string) error) error {
	for _, step := range append(steps, nothing, nothing) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("erasure: compact %s: %w", dir, err)
		}
		if err := withDB(ctx, dir, step); err != nil {
			return err
		}
	}
	return checkCompact(ctx, dir)
}

// rewriteAgain moves the database's compaction pointers on to live keys, where one is
// left on a key that the first pass removed. (A database without any live key keeps it.)
func rewriteAgain(ctx context.Context, db *leveldb.DB, dir string) error {
	stale, err := stalePointers(db, dir)
	if err != nil || !stale {
		return err
	}
	return rewriteTwice(ctx, db, dir)
}

// rewriteTwice compacts the whole, writes the edges of all tables again and compacts once more.
func rewriteTwice(ctx context.Context, db *leveldb.DB, dir string) error {
	if err := db.CompactRange(util.Range{}); err != nil {
		return err
	}
	return rewriteKeys(ctx, db, dir, edgeKeys)
}

func nothing(context.Context, *leveldb.DB, string) error { return nil }

// manyTables is more than the tables that are ever written before a compaction.
const manyTables = 1 << 20

// lockPatience is for how long a locked database is tried again. A program that this
// process starts holds the locks of all its files for a moment, until it has taken the
// process's place, even of files that are closed meanwhile.
const lockPatience = 2 * time.Second

func openUnlocked(ctx context.Context, dir string) (*leveldb.DB, error) {
	for began := time.Now(); ; {
		db, err := leveldb.OpenFile(dir, &opt.Options{
			ErrorIfMissing: true,
			// LevelDB shall not begin to merge what is written while more is to come.
			CompactionL0Trigger: manyTables, WriteL0SlowdownTrigger: manyTables, WriteL0PauseTrigger: manyTables,
		})
		if !errors.Is(err, syscall.EAGAIN) || time.Since(began) > lockPatience {
			return db, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// withDB opens the database, calls step and closes it.
func withDB(ctx context.Context, dir string, step func(context.Context, *leveldb.DB, string) error) error {
	db, err := openUnlocked(ctx, dir)
	switch {
	case errors.Is(err, storage.ErrLocked), errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("%w: %s: stop the process that has it open: %w", ErrInUse, dir, err)
	case err != nil:
		return fmt.Errorf("erasure: open %s: %w", dir, err)
	}
	if err := step(ctx, db, dir); err != nil {
		return errors.Join(fmt.Errorf("erasure: compact %s: %w", dir, err), db.Close())
	}
	if err := db.Close(); err != nil {
		return fmt.Errorf("erasure: close %s: %w", dir, err)
	}
	return nil
}

// rewrite writes a key of each table again and compacts the whole.
func rewrite(ctx context.Context, db *leveldb.DB, dir string) error {
	return rewriteKeys(ctx, db, dir, lightKeys)
}

func rewriteKeys(ctx context.Context, db *leveldb.DB, dir string, which func(context.Context, string) ([][]byte, error)) error {
	keys, err := which(ctx, dir)
	if err != nil {
		return err
	}
	for _, k := range keys {
		v, err := db.Get(k, nil)
		switch {
		case err == nil:
			err = db.Put(k, v, nil)
		case errors.Is(err, leveldb.ErrNotFound):
			err = db.Delete(k, nil)
		}
		if err != nil {
			return err
		}
	}
	return db.CompactRange(util.Range{})
}

// edgeKeys returns the first and last key of every table in dir.
func edgeKeys(ctx context.Context, dir string) ([][]byte, error) {
	return keysOf(ctx, dir, func() (func(entry), func() [][]byte) {
		var first, last []byte
		return func(e entry) {
				if first == nil {
					first = append([]byte{}, e.user...)
				}
				last = append(last[:0], e.user...)
			}, func() [][]byte {
				if bytes.Equal(first, last) {
					return [][]byte{first}
				}
				return [][]byte{first, last}
			}
	})
}

// lightKeys returns of every table in dir the key that is the least work to write again:
// of those that are not deleted there, if it has any, the one with the shortest value.
func lightKeys(ctx context.Context, dir string) ([][]byte, error) {
	return keysOf(ctx, dir, func() (func(entry), func() [][]byte) {
		var key []byte
		var best entry
		return func(e entry) {
			if key == nil || e.live && (!best.live || e.size < best.size) {
				key, best = append(key[:0], e.user...), e
			}
		}, func() [][]byte { return [][]byte{key} }
	})
}

// keysOf collects keys of every table in dir: choose makes, for a table, what is told
// of each entry, and what then names the keys.
func keysOf(ctx context.Context, dir string, choose func() (see func(entry), keys func() [][]byte)) ([][]byte, error) {
	var out [][]byte
	err := eachTable(ctx, dir, func(name string, each func(visit func(entry)) error) error {
		see, keys := choose()
		some := false
		if err := each(func(e entry) {
			some = true
			see(e)
		}); errors.Is(err, fs.ErrNotExist) {
			return nil // replaced and unlinked meanwhile
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if some {
			out = append(out, keys()...)
		}
		return nil
	})
	return out, err
}

// checkCompact returns ErrResidue unless every key in the tables of dir is live and there once, and no journal holds a
// record.
func checkCompact(ctx context.Context, dir string) error {
	stale, err := staleEntries(ctx, dir)
	if err != nil {
		return err
	}
	if stale > 0 {
		return fmt.Errorf("%w: %s: %d entries", ErrResidue, dir, stale)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), ".log") {
			continue
		}
		if info, err := e.Info(); err != nil || info.Size() > 0 {
			return errors.Join(fmt.Errorf("%w: journal %s is not empty", ErrResidue, filepath.Join(dir, e.Name())), err)
		}
	}
	return nil
}

// staleEntries counts deletions, keys that a table holds twice, and tables whose ranges of keys overlap.
func staleEntries(ctx context.Context, dir string) (stale int, err error) {
	type keyRange struct{ first, last []byte }
	var ranges []keyRange
	err = eachTable(ctx, dir, func(name string, each func(visit func(entry)) error) error {
		var first, last []byte
		if err := each(func(e entry) {
			if !e.live || first != nil && bytes.Equal(last, e.user) {
				stale++
			}
			if first == nil {
				first = append([]byte{}, e.user...)
			}
			last = append(last[:0], e.user...)
		}); err != nil {
			return fmt.Errorf("erasure: check %s: %w", name, err)
		}
		if first != nil {
			ranges = append(ranges, keyRange{first, last})
		}
		return nil
	})
	slices.SortFunc(ranges, func(a, b keyRange) int { return bytes.Compare(a.first, b.first) })
	for i := 1; i < len(ranges); i++ {
		if bytes.Compare(ranges[i-1].last, ranges[i].first) >= 0 {
			stale++
		}
	}
	return stale, err
}

// entry is one version of a key in a table.
type entry struct {
	user []byte // the key as it was put; valid during the visit only
	live bool   // a value, rather than a deletion
	size int    // of the value
}

// eachTable calls visit for each table file of dir with an iterator over its entries.
func eachTable(ctx context.Context, dir string, visit func(name string, each func(visit func(entry)) error) error) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	s := &files{}
	for _, e := range list {
		if !tableName.MatchString(e.Name()) {
			continue
		}
		name := filepath.Join(dir, e.Name())
		if err := visit(name, func(each func(entry)) error { return s.userKeys(ctx, name, each) }); err != nil {
			return err
		}
	}
	return nil
}

// userKeys visits each entry of a table. A damaged table is an error.
func (s *files) userKeys(ctx context.Context, name string, visit func(entry)) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	var damage error
	err = s.entries(ctx, f, size, func(err error) { damage = errors.Join(damage, err) }, func(_ int64, key, value []byte) {
		if value == nil {
			return // a separator in the index
		}
		if len(key) < internalTrailer {
			damage = errors.Join(damage, fmt.Errorf("%w: key", errTable))
			return
		}
		// The lowest byte of the little-endian trailer is the kind, 0 for a deletion.
		visit(entry{key[:len(key)-internalTrailer], key[len(key)-internalTrailer] != 0, len(value)})
	})
	return errors.Join(err, damage)
}
