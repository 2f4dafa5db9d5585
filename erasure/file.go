package erasure

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
)

// files searches the content of single files.
type files struct {
	m          *matcher
	maxInflate int64
	chunk      []byte // read buffer
	block      []byte // compressed block of a table
	plain      []byte // decompressed block of a table
	key        []byte // re-joined key of a table
}

var (
	tableName   = regexp.MustCompile(`^[0-9]+\.(ldb|sst)$`)
	journalName = regexp.MustCompile(`^([0-9]+\.log|MANIFEST-[0-9]+)$`)
)

// file searches the first size bytes of r in every form that applies. It returns only ctx's error: everything else that
// goes wrong is a gap of t.
func (s *files) file(ctx context.Context, t *tally, place string, r io.ReaderAt, size int64) error {
	if size == 0 {
		return nil
	}
	table, journal := isTable(place, r, size), isJournal(place, r, size)
	gz := &gzipStarts{}
	st := s.m.stream(func(n *needle, at int64) { t.add(place, n.form, n.pattern, at) })
	if !table && !journal {
		st.seen = gz.look
	}
	n, err := s.copy(ctx, st, io.NewSectionReader(r, 0, size))
	st.Close()
	t.bytes += n
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		t.gap(place, fmt.Sprintf("cannot read at %d: %s", n, plain(err)))
	}
	switch {
	case table:
		return s.table(ctx, t, place, r, size)
	case journal:
		return s.journal(ctx, t, place, r, size)
	}
	s.unwrap(t, place, r, size)
	foreign(t, place, io.NewSectionReader(r, 0, size))
	z := &inflater{files: s, t: t, place: place, left: s.maxInflate}
	return z.streams(ctx, gz, 1, func(at int64) (io.Reader, error) { return io.NewSectionReader(r, at, size-at), nil })
}

// copy moves bytes from r to w until the end or until ctx ends.
func (s *files) copy(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	if s.chunk == nil {
		s.chunk = make([]byte, streamBuffer)
	}
	var total int64
	for ctx.Err() == nil {
		n, err := r.Read(s.chunk)
		total += int64(n)
		_, _ = w.Write(s.chunk[:n])
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return total, err
		}
	}
	return total, ctx.Err()
}

func isTable(place string, r io.ReaderAt, size int64) bool {
	if tableName.MatchString(filepath.Base(place)) {
		return true
	}
	foot := make([]byte, len(tableMagic))
	if size < tableFooter {
		return false
	}
	_, err := r.ReadAt(foot, size-int64(len(foot)))
	return (err == nil || errors.Is(err, io.EOF)) && string(foot) == tableMagic
}

func isJournal(place string, r io.ReaderAt, size int64) bool {
	if journalName.MatchString(filepath.Base(place)) {
		return true
	}
	head := make([]byte, min(size, journalBlock))
	if n, _ := r.ReadAt(head, 0); n < len(head) {
		return false
	}
	return startsJournal(head)
}

// startsJournal reports whether the first block of a file is one of a journal.
func startsJournal(head []byte) bool {
	c, ok := firstChunk(head)
	return ok && (c.kind == chunkFull || c.kind == chunkFirst) && len(c.payload) > 0
}

// compressed are formats that hide their content and are not opened here, by the first bytes of a file.
var compressed = []struct{ name, magic string }{
	{"zip", "PK\x03\x04"},
	{"xz", "\xfd7zXZ\x00"},
	{"zstd", "\x28\xb5\x2f\xfd"},
	{"bzip2", "BZh"},
	{"lz4", "\x04\x22\x4d\x18"},
	{"7z", "7z\xbc\xaf\x27\x1c"},
	{"snappy", "\xff\x06\x00\x00sNaPpY"},
}

// foreign records a gap for content in a compressed format, and for LevelDB or compressed files inside a tar archive.
func foreign(t *tally, place string, r io.Reader) {
	head := make([]byte, 512)
	n, _ := io.ReadFull(r, head)
	head = head[:n]
	for _, c := range compressed {
		if bytes.HasPrefix(head, []byte(c.magic)) {
			t.gap(place, c.name+" content is not decompressed")
			return
		}
	}
	if len(head) < 512 || string(head[257:262]) != "ustar" {
		return
	}
	for tr := tar.NewReader(io.MultiReader(bytes.NewReader(head), r)); ; {
		h, err := tr.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.gap(place, "damaged tar archive, its members were not identified")
			}
			return
		}
		if base := path.Base(h.Name); tableName.MatchString(base) || journalName.MatchString(base) {
			t.gap(place, "LevelDB files inside an archive are not decoded: unpack it and scan again")
			return
		}
	}
}
