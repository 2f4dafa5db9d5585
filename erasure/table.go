package erasure

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/golang/snappy"
)

// LevelDB's table format, see https://github.com/google/leveldb/blob/main/doc/table_format.md.
const (
	tableMagic   = "\x57\xfb\x80\x8b\x24\x75\x47\xdb"
	tableFooter  = 48
	blockTrailer = 5 // compression type and checksum
	// maxBlock bounds the memory for one block in bytes. A block is as large as its largest entry; Fabric's largest
	// message is 100 MB.
	maxBlock = 256 << 20
	// internalTrailer is the length of sequence number and kind that end each stored key.
	internalTrailer = 8
)

var errTable = errors.New("damaged table")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maskedSum is the checksum of LevelDB's blocks and chunks.
func maskedSum(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

type handle struct{ offset, length uint64 }

func parseHandle(b []byte) (h handle, n int, err error) {
	o, n1 := binary.Uvarint(b)
	if n1 <= 0 {
		return h, 0, fmt.Errorf("%w: block handle", errTable)
	}
	l, n2 := binary.Uvarint(b[n1:])
	if n2 <= 0 {
		return h, 0, fmt.Errorf("%w: block handle", errTable)
	}
	return handle{o, l}, n1 + n2, nil
}

// table searches the keys and values of every entry of a LevelDB table.
func (s *files) table(ctx context.Context, t *tally, place string, r io.ReaderAt, size int64) error {
	gap := func(err error) { t.gap(place, err.Error()) }
	return s.entries(ctx, r, size, gap, func(at int64, key, value []byte) {
		hit := func(n *needle, _ int) { t.add(place, n.form.in(FormTable), n.pattern, at) }
		s.m.find(key, len(key), hit)
		s.m.find(value, len(value), hit)
		s.embedded(ctx, t, place, FormTable, at, value)
	})
}

// entries visits every entry of a table, and the keys of its index with a nil value. at is the offset of the block in the
// file; key ends with LevelDB's sequence number and kind; both are valid during the call only. What is damaged is told to
// gap and passed over. The error is ctx's.
func (s *files) entries(ctx context.Context, r io.ReaderAt, size int64, gap func(error), visit func(at int64, key, value []byte)) error {
	index, err := s.index(r, size)
	if err != nil {
		gap(err)
		return nil
	}
	var handles []handle
	if err := s.walkBlock(index, func(key, value []byte) {
		visit(size, key, nil)
		h, _, err := parseHandle(value)
		if err != nil {
			gap(err)
			return
		}
		handles = append(handles, h)
	}); err != nil {
		gap(fmt.Errorf("index: %w", err))
	}
	for _, h := range handles {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		data, err := s.readBlock(r, size, h)
		if err != nil {
			gap(err)
		}
		if data == nil {
			continue
		}
		if err := s.walkBlock(data, func(key, value []byte) { visit(int64(h.offset), key, value) }); err != nil {
			gap(fmt.Errorf("block at %d: %w", h.offset, err))
		}
	}
	return nil
}

// index returns the index block of a table.
func (s *files) index(r io.ReaderAt, size int64) ([]byte, error) {
	if size < tableFooter {
		return nil, fmt.Errorf("%w: no footer", errTable)
	}
	foot := make([]byte, tableFooter)
	if n, err := r.ReadAt(foot, size-tableFooter); n < len(foot) {
		return nil, fmt.Errorf("%w: no footer: %s", errTable, plain(err))
	}
	if string(foot[tableFooter-len(tableMagic):]) != tableMagic {
		return nil, fmt.Errorf("%w: no footer", errTable)
	}
	_, n, err := parseHandle(foot)
	if err != nil {
		return nil, err
	}
	h, _, err := parseHandle(foot[n:])
	if err != nil {
		return nil, err
	}
	return s.readBlock(r, size, h)
}

// readBlock returns a decompressed block, valid until the next call. With a wrong checksum it returns an error and what
// could be decompressed, or nil.
func (s *files) readBlock(r io.ReaderAt, size int64, h handle) ([]byte, error) {
	end := uint64(size)
	if h.offset > end || h.length > end || h.offset+h.length+blockTrailer > end {
		return nil, fmt.Errorf("%w: block at %d ends outside the file", errTable, h.offset)
	}
	if h.length > maxBlock {
		return nil, fmt.Errorf("%w: block at %d has %d bytes, read are at most %d", errTable, h.offset, h.length, maxBlock)
	}
	s.block = grown(s.block, int(h.length)+blockTrailer)
	if n, err := r.ReadAt(s.block, int64(h.offset)); n < len(s.block) {
		return nil, fmt.Errorf("%w: block at %d: %s", errTable, h.offset, plain(err))
	}
	body, trailer := s.block[:h.length], s.block[h.length:]
	var bad error
	if maskedSum(s.block[:h.length+1]) != binary.LittleEndian.Uint32(trailer[1:]) {
		bad = fmt.Errorf("%w: checksum of block at %d", errTable, h.offset)
	}
	switch trailer[0] {
	case 0:
		return body, bad
	case 1:
	default:
		return nil, fmt.Errorf("%w: block at %d has unknown compression %d", errTable, h.offset, trailer[0])
	}
	n, err := snappy.DecodedLen(body)
	if err != nil || n > maxBlock || n > 64*len(body) {
		return nil, fmt.Errorf("%w: block at %d does not decompress", errTable, h.offset)
	}
	s.plain = grown(s.plain, n)
	plain, err := snappy.Decode(s.plain, body)
	if err != nil {
		return nil, fmt.Errorf("%w: block at %d does not decompress", errTable, h.offset)
	}
	return plain, bad
}

// grown returns b with length n; what it held is lost.
func grown(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// walkBlock visits each entry of a decompressed block.
func (s *files) walkBlock(b []byte, visit func(key, value []byte)) error {
	if len(b) < 4 {
		return fmt.Errorf("%w: block without trailer", errTable)
	}
	restarts := uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	if restarts > uint64(len(b))/4-1 {
		return fmt.Errorf("%w: block with wrong trailer", errTable)
	}
	b = b[:uint64(len(b))-4-4*restarts]
	key := s.key[:0]
	for len(b) > 0 {
		var lens [3]uint64 // shared, not shared, value
		for i := range lens {
			v, n := binary.Uvarint(b)
			if n <= 0 {
				return fmt.Errorf("%w: entry", errTable)
			}
			lens[i], b = v, b[n:]
		}
		rest := uint64(len(b))
		if lens[0] > uint64(len(key)) || lens[1] > rest || lens[2] > rest-lens[1] {
			return fmt.Errorf("%w: entry", errTable)
		}
		key = append(key[:lens[0]], b[:lens[1]]...)
		visit(key, b[lens[1]:lens[1]+lens[2]])
		b = b[lens[1]+lens[2]:]
	}
	s.key = key
	return nil
}
