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
// merge it with. Compact therefore first writes each table's first and last key again as they are (a live key with its
// value, a deleted one as deleted). It does so once more where the manifest still names a deleted key, as the place where
// compaction goes on. It then opens the database twice more, which unlinks the replaced files, and finally
// reads every table to check that no old version is left.
//
// ctx is looked at between these steps only. The freed disk blocks still hold the old bytes until they are overwritten or
// trimmed. The errors are ErrInUse, ErrNotLevelDB, ErrResidue, ctx's, or LevelDB's own.
func Compact(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "CURRENT")); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNotLevelDB, dir, err)
	}
	for _, step := range []func(context.Context, *leveldb.DB, string) error{rewrite, rewriteAgain, nothing, nothing} {
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
	return rewrite(ctx, db, dir)
}

func nothing(context.Context, *leveldb.DB, string) error { return nil }

// withDB opens the database, calls step and closes it.
func withDB(ctx context.Context, dir string, step func(context.Context, *leveldb.DB, string) error) error {
	db, err := leveldb.OpenFile(dir, &opt.Options{ErrorIfMissing: true})
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

func rewrite(ctx context.Context, db *leveldb.DB, dir string) error {
	// The first range compaction moves what the journal held into tables, so that the second meets tables only.
	if err := db.CompactRange(util.Range{}); err != nil {
		return err
	}
	keys, err := edgeKeys(ctx, dir)
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
	var keys [][]byte
	err := eachTable(ctx, dir, func(name string, entry func(visit func(user []byte, live bool)) error) error {
		var first, last []byte
		if err := entry(func(user []byte, _ bool) {
			if first == nil {
				first = append([]byte{}, user...)
			}
			last = append(last[:0], user...)
		}); errors.Is(err, fs.ErrNotExist) {
			return nil // replaced and unlinked meanwhile
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if first != nil {
			keys = append(keys, first)
			if !bytes.Equal(first, last) {
				keys = append(keys, last)
			}
		}
		return nil
	})
	return keys, err
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
	err = eachTable(ctx, dir, func(name string, entry func(visit func(user []byte, live bool)) error) error {
		var first, last []byte
		if err := entry(func(user []byte, live bool) {
			if !live || first != nil && bytes.Equal(last, user) {
				stale++
			}
			if first == nil {
				first = append([]byte{}, user...)
			}
			last = append(last[:0], user...)
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

// eachTable calls visit for each table file of dir with an iterator over its entries.
func eachTable(ctx context.Context, dir string, visit func(name string, entry func(visit func(user []byte, live bool)) error) error) error {
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
		if err := visit(name, func(each func([]byte, bool)) error { return s.userKeys(ctx, name, each) }); err != nil {
			return err
		}
	}
	return nil
}

// userKeys visits the key of each entry of a table, and whether the entry is a value (or a deletion). A damaged table is
// an error.
func (s *files) userKeys(ctx context.Context, name string, visit func(user []byte, live bool)) error {
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
		visit(key[:len(key)-internalTrailer], key[len(key)-internalTrailer] != 0)
	})
	return errors.Join(err, damage)
}
