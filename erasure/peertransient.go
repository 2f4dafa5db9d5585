package erasure

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"

	"github.com/syndtr/goleveldb/leveldb"
)

// TransientStore is what a peer's transient store holds of a channel: private write sets
// that were endorsed. Most are in no block that the peer has; [DropTransientStore] says why
// others are left.
type TransientStore struct {
	// Waiting is how many there are.
	Waiting int
	// Oldest is how many blocks the peer had when the oldest of them came.
	Oldest uint64
}

// transientByHeight begins the keys of the transient store that say when each write set
// came (Fabric, core/transientstore/store_helper.go).
const transientByHeight = 'H'

var errTransientKey = errors.New("erasure: malformed key in the transient store")

// ReadTransientStore reads the transient store below a peer's peer.fileSystemPath. The peer
// may run. Errors are as in [ReadPrivateStore].
func ReadTransientStore(ctx context.Context, dataDir, channel string) (TransientStore, error) {
	var s TransientStore
	err := readStore(ctx, filepath.Join(dataDir, "transientstore"), dataDir, func(db *leveldb.DB) error {
		s = TransientStore{Oldest: math.MaxUint64}
		malformed := false
		err := eachUnder(db, append(under(channel, transientByHeight), 0), func(key, _ []byte) {
			height, ok := orderedNumber(key)
			malformed = malformed || !ok
			s.Waiting, s.Oldest = s.Waiting+1, min(s.Oldest, height)
		})
		if err == nil && malformed {
			err = errTransientKey
		}
		return err
	})
	if err != nil || s.Waiting == 0 {
		return TransientStore{}, err
	}
	return s, nil
}

// DropTransientStore removes the transient store of a stopped peer, which makes an empty one
// when it starts. Fabric takes what a block has used out of the store only after the block,
// on the side: a stop cuts that off, and a write set that gossip brings later than its block
// stays as well. So the store of a peer that has all blocks may hold what was purged. The
// peer fetches from other members what a block yet to come may miss.
func DropTransientStore(dataDir string) error {
	return os.RemoveAll(filepath.Join(dataDir, "transientstore"))
}

// orderedNumber reads a number as Fabric writes it where keys have an order: how many bytes
// follow, then these, the highest first (common/ledger/util/util.go).
func orderedNumber(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || b[0] > 8 || len(b) < 1+int(b[0]) {
		return 0, false
	}
	var full [8]byte
	copy(full[8-b[0]:], b[1:1+b[0]])
	return binary.BigEndian.Uint64(full[:]), true
}
