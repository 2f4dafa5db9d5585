package erasure

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
)

const (
	// maxGzip is how many gzip streams of one file are opened, maxGzipDepth how deep they may nest.
	maxGzip      = 10_000
	maxGzipDepth = 4
	gzipHeader   = 10
)

var gzipMagic = []byte("\x1f\x8b\x08")

// nextGzip returns the first position in text[from:limit] where a gzip header starts, or -1. Beside the magic it demands
// flags, extra flags and system as RFC 1952 section 2.3.1 defines them, so that random bytes hardly ever pass.
func nextGzip(text []byte, from, limit int) int {
	for from < limit {
		i := bytes.Index(text[from:], gzipMagic)
		if i < 0 || from+i >= limit {
			return -1
		}
		from += i
		if h := text[from:]; len(h) >= gzipHeader && h[3] < 0x20 && (h[8] == 0 || h[8] == 2 || h[8] == 4) && (h[9] <= 13 || h[9] == 255) {
			return from
		}
		from++
	}
	return -1
}

// gzipStarts collects where gzip streams start.
type gzipStarts struct {
	at   []int64
	more bool // there were more than maxGzip
}

func (g *gzipStarts) look(text []byte, limit int, base int64) {
	for i := nextGzip(text, 0, limit); i >= 0; i = nextGzip(text, i+1, limit) {
		if len(g.at) == maxGzip {
			g.more = true
			return
		}
		g.at = append(g.at, base+int64(i))
	}
}

// inflater searches the gzip streams of one place.
type inflater struct {
	*files
	t     *tally
	place string
	form  Form  // container around the streams; empty for a file
	at    int64 // offset to report instead of the stream's own, when form is set
	left  int64 // bytes that may still come out
}

func (z *inflater) gap(format string, a ...any) { z.t.gap(z.place, fmt.Sprintf(format, a...)) }

// streams searches the gzip streams that start at g.at of what open reads from a given position on.
func (z *inflater) streams(ctx context.Context, g *gzipStarts, depth int, open func(at int64) (io.Reader, error)) error {
	if g.more {
		z.gap("more than %d gzip streams", maxGzip)
	}
	if depth > maxGzipDepth && len(g.at) > 0 {
		z.gap("gzip streams nested deeper than %d", maxGzipDepth)
		return nil
	}
	end := int64(0) // of the stream before; what looks like a start inside it is its compressed bytes
	for _, at := range g.at {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if at < end {
			continue
		}
		used, err := z.member(ctx, at, depth, open)
		if err != nil {
			return err
		}
		end = at + used
	}
	return nil
}

// member searches one gzip stream and returns its compressed length.
func (z *inflater) member(ctx context.Context, at int64, depth int, open func(at int64) (io.Reader, error)) (int64, error) {
	src, err := open(at)
	if err != nil {
		z.gap("gzip stream at %d: %s", at, plain(err))
		return 0, nil
	}
	in := &countedBytes{r: bufio.NewReader(src)}
	zr, err := inflate(in)
	if err != nil {
		z.gap("damaged gzip stream at %d", at)
		return 0, nil
	}
	nested := &gzipStarts{}
	offset := at
	if z.form != "" {
		offset = z.at
	}
	form := FormGzip.in(z.container())
	st := z.m.stream(func(n *needle, _ int64) { z.t.add(z.place, n.form.in(form), n.pattern, offset) })
	st.seen = nested.look
	seen := &ends{}
	n, err := z.copy(ctx, io.MultiWriter(st, seen), io.LimitReader(zr, z.left))
	st.Close()
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	z.left -= n
	switch {
	case err != nil:
		z.gap("damaged gzip stream at %d", at)
	case z.left == 0:
		z.gap("gzip streams hold more than the allowed number of bytes, stopped in the one at %d", at)
	}
	if seen.levelDB() {
		z.gap("a LevelDB file in the gzip stream at %d is not decoded: unpack it and scan again", at)
	}
	used := in.n
	inner := func(pos int64) (io.Reader, error) {
		src, err := open(at)
		if err != nil {
			return nil, err
		}
		zr, err := inflate(bufio.NewReader(src))
		if err != nil {
			return nil, err
		}
		_, err = io.CopyN(io.Discard, zr, pos)
		return zr, err
	}
	if r, err := inner(0); err == nil {
		foreign(z.t, z.place, io.LimitReader(r, n))
	}
	return used, z.streams(ctx, nested, depth+1, inner)
}

// ends keeps the first block and the last bytes of what is written to it.
type ends struct{ head, tail []byte }

// Write implements [io.Writer]; it never fails.
func (e *ends) Write(p []byte) (int, error) {
	e.head = append(e.head, p[:min(len(p), journalBlock-len(e.head))]...)
	e.tail = append(e.tail, p[max(0, len(p)-len(tableMagic)):]...)
	e.tail = e.tail[max(0, len(e.tail)-len(tableMagic)):]
	return len(p), nil
}

// levelDB reports whether it was a table or a journal.
func (e *ends) levelDB() bool {
	return string(e.tail) == tableMagic || startsJournal(e.head)
}

func (z *inflater) container() Form {
	if z.form == "" {
		return FormRaw
	}
	return z.form
}

// inflate opens one gzip stream, not the ones that follow it.
func inflate(r io.Reader) (io.Reader, error) {
	zr, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	zr.Multistream(false)
	return zr, nil
}

// countedBytes counts what is taken from r. As it reads single bytes, compress/flate takes no more than it needs.
type countedBytes struct {
	r *bufio.Reader
	n int64
}

func (c *countedBytes) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *countedBytes) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

// embedded searches the gzip streams within bytes in memory.
func (s *files) embedded(ctx context.Context, t *tally, place string, form Form, at int64, b []byte) {
	if nextGzip(b, 0, len(b)) < 0 {
		return
	}
	g := &gzipStarts{}
	g.look(b, len(b), 0)
	z := &inflater{files: s, t: t, place: place, form: form, at: at, left: s.maxInflate}
	// The only error is ctx's, which the caller meets itself.
	_ = z.streams(ctx, g, 1, func(at int64) (io.Reader, error) { return bytes.NewReader(b[at:]), nil })
}
