package erasure

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

// LevelDB's journal format, see https://github.com/google/leveldb/blob/main/doc/log_format.md.
const (
	journalBlock = 32 << 10
	chunkHeader  = 7
)

const (
	chunkFull   = 1
	chunkFirst  = 2
	chunkMiddle = 3
	chunkLast   = 4
)

// chunk is a piece of a record inside one block.
type chunk struct {
	kind    byte
	payload []byte
	intact  bool // the checksum is right
	cut     bool // the block ends before the payload does
}

// parseChunk reads the chunk at the start of b, the rest of a block of at least chunkHeader bytes.
func parseChunk(b []byte) chunk {
	n := chunkHeader + int(binary.LittleEndian.Uint16(b[4:]))
	c := chunk{kind: b[6], cut: n > len(b)}
	n = min(n, len(b))
	c.payload = b[chunkHeader:n]
	c.intact = !c.cut && maskedSum(b[6:n]) == binary.LittleEndian.Uint32(b)
	return c
}

// firstChunk reads the first chunk of a file; ok is false when there is no intact one.
func firstChunk(b []byte) (c chunk, ok bool) {
	if len(b) < chunkHeader {
		return c, false
	}
	c = parseChunk(b)
	return c, c.intact
}

// journalReader joins the chunks of a journal to records and passes their bytes on, also those that are damaged or cut:
// the point is not to read a database but to miss no byte.
type journalReader struct {
	out    *stream
	record int64 // offset of the current record
	open   bool  // within a record
	damage int64 // offset of the first damage, or -1
}

// journal searches the records of a LevelDB journal. A torn tail, as a running process or a crash leaves it, is searched
// as far as it goes and is no gap; damage before it is.
func (s *files) journal(ctx context.Context, t *tally, place string, r io.ReaderAt, size int64) error {
	j := &journalReader{damage: -1}
	packed := false
	j.out = s.m.stream(func(n *needle, _ int64) { t.add(place, n.form.in(FormJournal), n.pattern, j.record) })
	j.out.seen = func(text []byte, limit int, base int64) {
		packed = packed || nextGzip(text, 0, limit) >= 0
	}
	block := make([]byte, journalBlock)
	for at := int64(0); at < size; at += journalBlock {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b := block[:min(journalBlock, size-at)]
		n, err := r.ReadAt(b, at)
		if n < len(b) && err != nil && err != io.EOF {
			t.gap(place, fmt.Sprintf("cannot read at %d: %s", at, plain(err)))
		}
		j.block(b[:n], at, at+journalBlock >= size)
	}
	j.end()
	if j.damage >= 0 {
		t.gap(place, fmt.Sprintf("damaged journal at %d", j.damage))
	}
	if packed {
		t.gap(place, "gzip content inside a journal is not decompressed")
	}
	return nil
}

// block passes on one block, which starts at the given offset of the file.
func (j *journalReader) block(b []byte, at int64, last bool) {
	for len(b) >= chunkHeader {
		c := parseChunk(b)
		known := c.kind >= chunkFull && c.kind <= chunkLast
		n := chunkHeader + len(c.payload)
		tail := last && n == len(b) // what follows was never written
		if !known {
			j.unknown(b, at)
			return
		}
		if !c.intact && !tail {
			j.damaged(at)
		}
		j.chunk(c, at)
		b, at = b[n:], at+int64(n)
	}
	// Writers fill what is too short for a header with zeros.
	if len(bytes.Trim(b, "\x00")) > 0 && !last {
		j.damaged(at)
	}
}

// unknown handles the rest of a block that does not start with a chunk: zeros, or damage to be searched as it is.
func (j *journalReader) unknown(b []byte, at int64) {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return
	}
	j.damaged(at)
	j.end()
	j.start(at)
	_, _ = j.out.Write(b)
	j.end()
}

func (j *journalReader) chunk(c chunk, at int64) {
	switch begins := c.kind == chunkFull || c.kind == chunkFirst; {
	case begins:
		j.end() // an unfinished record before it: a crash, then a new record
		j.start(at)
	case !j.open:
		j.damaged(at)
		j.start(at)
	}
	_, _ = j.out.Write(c.payload)
	if c.kind == chunkFull || c.kind == chunkLast {
		j.end()
	}
}

func (j *journalReader) start(at int64) { j.record, j.open = at, true }

func (j *journalReader) end() {
	if j.open {
		j.out.Close()
		j.open = false
	}
}

func (j *journalReader) damaged(at int64) {
	if j.damage < 0 {
		j.damage = at
	}
}
