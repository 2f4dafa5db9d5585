package erasure

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/storage"
	"github.com/syndtr/goleveldb/leveldb/util"
)

// PrivateStore is what a peer's private data store says of a channel (Fabric, core/ledger/pvtdatastorage/kv_encoding.go). It is the peer's own bookkeeping,
// not its log: what is purged and not swept is marked there until the sweep has ended.
type PrivateStore struct {
	// Blocks is the number of blocks that were committed.
	Blocks uint64 `json:"blocks"`
	// Unswept is how many purged keys wait for a sweep. The sweep deletes a key's bytes
	// from the store and its mark in one step.
	Unswept int `json:"unswept"`
	// Missing is how many write sets the peer should have and has not, by block,
	// transaction and collection. Those that it does not look for are not among them, see
	// [ReadGaps].
	Missing int `json:"missing"`
}

// Prefixes of the store's keys.
const (
	storeLastBlock   = 1
	storeMissing     = 4   // to be fetched
	storeIneligible  = 5   // not looked for: the organization was no member when the block came
	storeEligibility = 6   // the organization has become a member, and this is not dealt with yet
	storeMissingLate = 8   // to be fetched, not found at the first attempt
	storePurgeMark   = 'c' // purged, not swept
)

// ReadPrivateStore reads the private data store below a peer's peer.fileSystemPath: what
// it says of a channel, or with "" the sum over all channels and the most blocks. The
// peer may run: nothing is locked or written, and what it moves meanwhile is read
// again. The error is that of a directory without such a store, one that cannot be
// read, or ctx's.
func ReadPrivateStore(ctx context.Context, dataDir, channel string) (PrivateStore, error) {
	var s PrivateStore
	err := readStore(ctx, privateDir(dataDir), dataDir, func(db *leveldb.DB) (err error) {
		s, err = privateStore(db, channel)
		return err
	})
	if err != nil {
		return PrivateStore{}, err
	}
	return s, nil
}

func privateDir(dataDir string) string { return filepath.Join(dataDir, "ledgersData", "pvtdataStore") }

// readStore calls read with a database of a peer, which may run, until nothing moved
// meanwhile. What read finds counts only when there is no error.
func readStore(ctx context.Context, dir, dataDir string, read func(*leveldb.DB) error) error {
	if _, err := os.Stat(filepath.Join(dir, "CURRENT")); err != nil {
		return fmt.Errorf("%w: %s: is %s the peer's fileSystemPath? %w", ErrNotLevelDB, dir, dataDir, err)
	}
	var last error
	for range readAttempts {
		err := readOnce(dir, read)
		if err == nil {
			return nil
		}
		last = err
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		case <-time.After(readPause):
		}
	}
	return fmt.Errorf("erasure: read %s: %w", dir, last)
}

// A running peer replaces files while they are read; that often, and after so long, they
// are read again.
const (
	readAttempts = 20
	readPause    = 50 * time.Millisecond
)

func readOnce(dir string, read func(*leveldb.DB) error) (err error) {
	stor := &readOnly{dir: dir}
	before, err := stor.version()
	if err != nil {
		return err
	}
	// A journal is deleted only after its content is in a table that the manifest names. So
	// all was read that there is, if the manifest did not change meanwhile.
	defer func() {
		if after, same := stor.version(); err == nil && (same != nil || after != before) {
			err = errors.Join(errChanging, same)
		}
	}()
	db, err := leveldb.Open(stor, &opt.Options{ErrorIfMissing: true, ReadOnly: true, Strict: opt.StrictAll &^ opt.StrictJournal})
	if err != nil {
		return err
	}
	defer db.Close()
	return read(db)
}

func privateStore(db *leveldb.DB, channel string) (s PrivateStore, err error) {
	channels, err := channelsIn(db)
	if err != nil {
		return s, err
	}
	for _, name := range channels {
		if channel != "" && string(name) != channel {
			continue
		}
		b, err := db.Get(append(append([]byte{}, name...), 0, storeLastBlock), nil)
		if err != nil && !errors.Is(err, leveldb.ErrNotFound) {
			return s, err
		}
		if n, used := binary.Uvarint(b); used > 0 {
			s.Blocks = max(s.Blocks, n+1)
		}
		for prefix, count := range map[byte]*int{storePurgeMark: &s.Unswept, storeMissing: &s.Missing, storeMissingLate: &s.Missing} {
			err := eachUnder(db, under(string(name), prefix), func(_, value []byte) {
				if prefix == storePurgeMark {
					*count++
				} else {
					*count += ones(value)
				}
			})
			if err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// channelsIn lists the names that keys of the store begin with. A name is followed by
// a zero byte; names that begin with "_" are LevelDB helpers of Fabric, not channels.
func channelsIn(db *leveldb.DB) (names [][]byte, err error) {
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for ok := it.First(); ok; {
		name, _, found := bytes.Cut(it.Key(), []byte{0})
		next := append(append([]byte{}, name...), 1)
		if found && len(name) > 0 && name[0] != '_' {
			names = append(names, append([]byte{}, name...))
		}
		if !found {
			next = append(append([]byte{}, it.Key()...), 0)
		}
		ok = it.Seek(next)
	}
	return names, it.Error()
}

// under is the beginning of a channel's keys of one kind.
func under(channel string, prefix byte) []byte { return append([]byte(channel), 0, prefix) }

// eachUnder visits the entries below a prefix. What it hands over is valid during the
// call only; key is what follows the prefix.
func eachUnder(db *leveldb.DB, prefix []byte, visit func(key, value []byte)) error {
	it := db.NewIterator(util.BytesPrefix(prefix), nil)
	defer it.Release()
	for it.Next() {
		visit(it.Key()[len(prefix):], it.Value())
	}
	return it.Error()
}

// readOnly is the storage of a LevelDB that another process has open: without the lock
// that keeps two processes from writing, and without any way to write.
type readOnly struct{ dir string }

var errReadOnly = errors.New("erasure: the database is read only")

// errChanging says that the database was changed while it was read.
var errChanging = errors.New("erasure: the database is changing")

// version tells two states of the database apart: its manifest and how long that is.
func (r *readOnly) version() (string, error) {
	fd, err := r.GetMeta()
	if err != nil {
		return "", err
	}
	info, err := os.Stat(filepath.Join(r.dir, fmt.Sprintf("MANIFEST-%06d", fd.Num)))
	if err != nil {
		return "", err
	}
	return fmt.Sprint(fd.Num, info.Size()), nil
}

type noLock struct{}

func (noLock) Unlock() {}

func (*readOnly) Lock() (storage.Locker, error)                   { return noLock{}, nil }
func (*readOnly) Log(string)                                      {}
func (*readOnly) SetMeta(storage.FileDesc) error                  { return errReadOnly }
func (*readOnly) Create(storage.FileDesc) (storage.Writer, error) { return nil, errReadOnly }
func (*readOnly) Remove(storage.FileDesc) error                   { return errReadOnly }
func (*readOnly) Rename(_, _ storage.FileDesc) error              { return errReadOnly }
func (*readOnly) Close() error                                    { return nil }

// GetMeta implements [storage.Storage].
func (r *readOnly) GetMeta() (fd storage.FileDesc, err error) {
	b, err := os.ReadFile(filepath.Join(r.dir, "CURRENT"))
	if err != nil {
		return fd, err
	}
	if n, err := fmt.Sscanf(string(b), "MANIFEST-%d\n", &fd.Num); n != 1 || err != nil {
		return fd, fmt.Errorf("%w: CURRENT", errManifest)
	}
	fd.Type = storage.TypeManifest
	return fd, nil
}

// List implements [storage.Storage].
func (r *readOnly) List(kinds storage.FileType) (out []storage.FileDesc, err error) {
	list, err := os.ReadDir(r.dir)
	for _, e := range list {
		if fd, ok := fileDesc(e.Name()); ok && fd.Type&kinds != 0 {
			out = append(out, fd)
		}
	}
	return out, err
}

func fileDesc(name string) (fd storage.FileDesc, ok bool) {
	var ext string
	if n, _ := fmt.Sscanf(name, "MANIFEST-%d", &fd.Num); n == 1 {
		fd.Type = storage.TypeManifest
		return fd, true
	}
	if n, _ := fmt.Sscanf(name, "%d.%s", &fd.Num, &ext); n != 2 {
		return fd, false
	}
	switch ext {
	case "log":
		fd.Type = storage.TypeJournal
	case "ldb", "sst":
		fd.Type = storage.TypeTable
	default:
		return fd, false
	}
	return fd, true
}

// Open implements [storage.Storage].
func (r *readOnly) Open(fd storage.FileDesc) (storage.Reader, error) {
	name := map[storage.FileType]string{storage.TypeManifest: "MANIFEST-%06d", storage.TypeJournal: "%06d.log", storage.TypeTable: "%06d.ldb"}[fd.Type]
	if name == "" {
		return nil, os.ErrNotExist
	}
	f, err := os.Open(filepath.Join(r.dir, fmt.Sprintf(name, fd.Num)))
	if errors.Is(err, os.ErrNotExist) && fd.Type == storage.TypeTable {
		f, err = os.Open(filepath.Join(r.dir, fmt.Sprintf("%06d.sst", fd.Num)))
	}
	return f, err
}
