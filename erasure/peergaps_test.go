package erasure

import (
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"path/filepath"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
)

// reverseBlock is the number of a block in the order that newer ones come first, as Fabric
// writes it for block numbers up to 255.
func reverseBlock(n byte) string { return string([]byte{7, math.MaxUint8 - n}) }

func wantedKey(prefix, block byte, collection string) []byte {
	return storeKey("global", prefix, reverseBlock(block)+"domicile\x00"+collection)
}

func ignoredKey(block byte, chaincode, collection string) []byte {
	return storeKey("global", storeIneligible, chaincode+"\x00"+collection+"\x00"+reverseBlock(block))
}

func readGaps(t *testing.T, dir string) Gaps {
	t.Helper()
	g, err := ReadGaps(t.Context(), dir, "global", "domicile", []string{"us-a", "us-a-log"})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestThePrivateStoreSaysWhatIsMissingAndWhatThePeerDoesNotLookFor(t *testing.T) {
	t.Parallel()
	dir, db := openPrivateStore(t)
	putAll(t, db, storeKey("global", 2, "data"))
	if g := readGaps(t, dir); g.Wanted != 0 || g.Late != 0 || len(g.Ignored) != 0 || g.Changing {
		t.Errorf("nothing missing: %+v", g)
	}
	putMissing(t, db, wantedKey(storeMissing, 7, "us-a"), 0, 1)
	putMissing(t, db, wantedKey(storeMissingLate, 6, "us-a"), 2)
	putMissing(t, db, ignoredKey(9, "domicile", "us-a"), 0, 64)
	putMissing(t, db, ignoredKey(9, "domicile", "us-a-log"), 3)
	putMissing(t, db, ignoredKey(9, "domicile", "us-ab"), 0) // not a member
	putMissing(t, db, ignoredKey(9, "other", "us-a"), 0)     // another chaincode
	putMissing(t, db, append([]byte("elsewhere"), ignoredKey(9, "domicile", "us-a")[len("global"):]...), 0)
	g := readGaps(t, dir)
	if g.Wanted != 3 || g.Late != 1 || !maps.Equal(g.Ignored, map[string]int{"us-a": 2, "us-a-log": 1}) || g.Changing {
		t.Errorf("%+v", g)
	}
	putAll(t, db, storeKey("global", storeEligibility, reverseBlock(9)))
	if g := readGaps(t, dir); !g.Changing {
		t.Error("that the organization has just become a member is not seen")
	}
	if _, err := ReadGaps(t.Context(), t.TempDir(), "global", "domicile", nil); !errors.Is(err, ErrNotLevelDB) {
		t.Errorf("no store: %v", err)
	}
}

func TestWhatOnePeerMissesAndAnotherHasIsCounted(t *testing.T) {
	t.Parallel()
	peer := func(fill func(db *leveldb.DB)) Gaps {
		dir, db := openPrivateStore(t)
		putAll(t, db, storeKey("global", 2, "data"))
		fill(db)
		return readGaps(t, dir)
	}
	whole := peer(func(*leveldb.DB) {})
	some := peer(func(db *leveldb.DB) {
		putMissing(t, db, wantedKey(storeMissing, 7, "us-a"), 0, 1)
		putMissing(t, db, wantedKey(storeMissingLate, 7, "us-a"), 66)
		putMissing(t, db, ignoredKey(8, "domicile", "us-a-log"), 5)
	})
	// The same place, whatever the peer makes of it.
	ignored := peer(func(db *leveldb.DB) {
		putMissing(t, db, ignoredKey(7, "domicile", "us-a"), 0, 1, 66)
		putMissing(t, db, wantedKey(storeMissing, 8, "us-a-log"), 5, 6)
	})
	for _, c := range []struct {
		name string
		got  int
		want int
	}{
		{"everything is elsewhere", some.Beyond(whole), 4},
		{"nothing is missing here", whole.Beyond(some), 0},
		{"the same is missing there", some.Beyond(some), 0},
		{"counted under another head", some.Beyond(ignored), 0},
		{"more is missing here", ignored.Beyond(some), 1},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
}

func TestTheTransientStoreSaysHowLongSomethingWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := leveldb.OpenFile(filepath.Join(dir, "transientstore"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	read := func() TransientStore {
		t.Helper()
		s, err := ReadTransientStore(t.Context(), dir, "global")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	came := func(channel string, height uint64) []byte {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], height)
		i := 0
		for i < len(b) && b[i] == 0 {
			i++
		}
		key := append([]byte(channel), 0, 'H', 0, byte(len(b)-i))
		return append(append(key, b[i:]...), "\x00tx\x00uuid"...)
	}
	putAll(t, db, []byte("global\x00P\x00data"))
	if got := read(); got != (TransientStore{}) {
		t.Errorf("nothing waits: %+v", got)
	}
	putAll(t, db, came("global", 70_000), came("global", 256), came("global", 300), came("other", 1))
	if got := read(); got != (TransientStore{Waiting: 3, Oldest: 256}) {
		t.Errorf("%+v", got)
	}
	putAll(t, db, []byte("global\x00H\x00\x09"))
	if _, err := ReadTransientStore(t.Context(), dir, "global"); !errors.Is(err, errTransientKey) {
		t.Errorf("a malformed key: %v", err)
	}
}
