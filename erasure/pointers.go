package erasure

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/journal"
)

// Tags of a version edit in a LevelDB manifest (leveldb/session_record.go), by the
// fields that follow them.
const (
	tagComparer       = 1 // bytes
	tagJournal        = 2 // number
	tagNextFile       = 3 // number
	tagSequence       = 4 // number
	tagCompactPointer = 5 // level, key
	tagDeletedTable   = 6 // level, number
	tagAddedTable     = 7 // level, number, size, first and last key
	tagPrevJournal    = 9 // number
)

// stalePointers reports whether a manifest of the database remembers, as the place
// where compaction goes on, a key that is no more. Such a key outlives every version
// of itself until compaction has gone past it once more.
func stalePointers(db *leveldb.DB, dir string) (bool, error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), "MANIFEST-") {
			continue
		}
		keys, err := pointersIn(filepath.Join(dir, e.Name()))
		if err != nil {
			return true, nil // one that a crash has left torn: once more does no harm
		}
		for _, k := range keys {
			if _, err := db.Get(k, nil); errors.Is(err, leveldb.ErrNotFound) {
				return true, nil
			} else if err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// pointersIn reads the compaction pointers of a manifest.
func pointersIn(path string) (keys [][]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for r := journal.NewReader(f, nil, true, true); ; {
		record, err := r.Next()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(record)
		if err != nil {
			return nil, err
		}
		more, err := pointersOf(b)
		if err != nil {
			return nil, err
		}
		keys = append(keys, more...)
	}
}

var errManifest = errors.New("erasure: malformed manifest")

// pointersOf reads the compaction pointers of one version edit.
func pointersOf(edit []byte) (keys [][]byte, err error) {
	bad := false
	number := func() uint64 {
		v, n := binary.Uvarint(edit)
		if n <= 0 {
			bad = true
			return 0
		}
		edit = edit[n:]
		return v
	}
	text := func() []byte {
		n := number()
		if bad || n > uint64(len(edit)) {
			bad = true
			return nil
		}
		out := edit[:n]
		edit = edit[n:]
		return out
	}
	for len(edit) > 0 && !bad {
		switch number() {
		case tagComparer:
			text()
		case tagJournal, tagNextFile, tagSequence, tagPrevJournal:
			number()
		case tagCompactPointer:
			number()
			if k := text(); len(k) > internalTrailer {
				keys = append(keys, k[:len(k)-internalTrailer])
			}
		case tagDeletedTable:
			number()
			number()
		case tagAddedTable:
			number()
			number()
			number()
			text()
			text()
		default:
			bad = true
		}
	}
	if bad {
		return nil, errManifest
	}
	return keys, nil
}
