package erasure

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// ErrBlock is wrapped by every error about bytes that are not a block.
var ErrBlock = errors.New("erasure: not a block")

// StoredBlock is a block and where it lies.
type StoredBlock struct {
	*common.Block
	// Path is the block file.
	Path string
	// Offset of the serialized block in it, in bytes.
	Offset int64
}

// maxStoredBlock bounds the memory for one block, in bytes. Fabric's largest message is 100 MB.
const maxStoredBlock = 256 << 20

var blockFileName = regexp.MustCompile(`^blockfile_[0-9]{6}$`)

// Blocks reads the block files of a peer (ledgersData/chains/chains/CHANNEL) or an orderer (chains/CHANNEL) that lie in dir
// or below it, in the order of their paths. It only reads and may run beside the process that writes them: a block whose
// end is not written yet ends its file. Other damage is yielded as an error and ends the file, the next files follow.
// Each yielded pair has either a block or an error.
func Blocks(dir string) iter.Seq2[*StoredBlock, error] {
	return func(yield func(*StoredBlock, error) bool) {
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				if !yield(nil, fmt.Errorf("erasure: blocks: %w", err)) {
					return fs.SkipAll
				}
				return nil
			}
			if d.Type().IsRegular() && blockFileName.MatchString(d.Name()) && !blockFile(p, yield) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// blockFile yields the blocks of one file and reports whether the caller wants more.
//
// A file is a sequence of blocks, each preceded by its length as a varint; see common/ledger/blkstorage/block_stream.go in
// Fabric.
func blockFile(path string, yield func(*StoredBlock, error) bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return yield(nil, fmt.Errorf("erasure: blocks: %w", err))
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	for at := int64(0); ; {
		size, n, err := blockSize(in)
		switch {
		case n == 0, errors.Is(err, io.ErrUnexpectedEOF):
			return true
		case err != nil:
			return yield(nil, fmt.Errorf("%w: %s at %d: %w", ErrBlock, path, at, err))
		}
		at += int64(n)
		raw, err := io.ReadAll(io.LimitReader(in, size))
		if err != nil {
			return yield(nil, fmt.Errorf("erasure: blocks: %w", err))
		}
		if int64(len(raw)) < size {
			return true // still being written
		}
		b, err := storedBlock(raw)
		if err != nil {
			return yield(nil, fmt.Errorf("%w: %s at %d", err, path, at))
		}
		if !yield(&StoredBlock{Block: b, Path: path, Offset: at}, nil) {
			return false
		}
		at += size
	}
}

// blockSize reads a varint and its own length, which is 0 at the end of the file.
func blockSize(in *bufio.Reader) (size int64, n int, err error) {
	head, err := in.Peek(10)
	if len(head) == 0 {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return 0, 0, err
	}
	v, n := protowire.ConsumeVarint(head)
	if n < 0 {
		if len(head) < 10 {
			return 0, len(head), io.ErrUnexpectedEOF
		}
		return 0, len(head), protowire.ParseError(n)
	}
	if v == 0 || v > maxStoredBlock {
		return 0, n, fmt.Errorf("length %d is impossible", v)
	}
	_, err = in.Discard(n)
	return int64(v), n, err
}

// DecodeBlock decodes one block as Fabric stores it in block files (without the length before it) or as the protobuf
// message common.Block, as qscc and the deliver service return it. Errors wrap ErrBlock.
func DecodeBlock(b []byte) (*common.Block, error) {
	if block, err := storedBlock(b); err == nil && hashLike(block.Header.DataHash) && hashLike(block.Header.PreviousHash) {
		return block, nil
	}
	block := &common.Block{}
	if err := proto.Unmarshal(b, block); err != nil {
		return nil, fmt.Errorf("%w: neither Fabric's storage format nor protobuf", ErrBlock)
	}
	if block.Header == nil && block.Data == nil {
		return nil, fmt.Errorf("%w: no header and no data", ErrBlock)
	}
	return block, nil
}

// hashLike tells the storage format from protobuf, which hardly ever has 0 or 32 where the other has these lengths.
func hashLike(b []byte) bool { return len(b) == 0 || len(b) == 32 }

// storedBlock decodes Fabric's storage format: number, data hash, previous hash, then counted lists of envelopes and
// metadata; see common/ledger/blkstorage/block_serialization.go in Fabric.
func storedBlock(b []byte) (*common.Block, error) {
	d := &wireReader{b: b}
	block := &common.Block{Header: &common.BlockHeader{}, Data: &common.BlockData{}, Metadata: &common.BlockMetadata{}}
	block.Header.Number = d.varint()
	block.Header.DataHash = d.bytes()
	block.Header.PreviousHash = d.bytes()
	block.Data.Data = d.list()
	block.Metadata.Metadata = d.list()
	if d.bad || len(d.b) > 0 {
		return nil, fmt.Errorf("%w: damaged storage format", ErrBlock)
	}
	return block, nil
}

type wireReader struct {
	b   []byte
	bad bool
}

func (d *wireReader) varint() uint64 {
	v, n := protowire.ConsumeVarint(d.b)
	if n < 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *wireReader) bytes() []byte {
	v, n := protowire.ConsumeBytes(d.b)
	if n < 0 {
		d.bad, d.b = true, nil
		return nil
	}
	d.b = d.b[n:]
	return v
}

func (d *wireReader) list() [][]byte {
	var out [][]byte
	for n := d.varint(); n > 0 && !d.bad; n-- {
		out = append(out, d.bytes())
	}
	return out
}
