package erasure

import (
	"bytes"
	"io"
)

// unwrap searches base64 and hex text that is broken into lines, as PEM and MIME break it: it removes the line ends and
// counts the hits that a line end had interrupted.
func (s *files) unwrap(t *tally, place string, r io.ReaderAt, size int64) {
	head := make([]byte, min(size, 4096))
	n, _ := r.ReadAt(head, 0)
	if bytes.IndexByte(head[:n], 0) >= 0 {
		return // not text
	}
	u := &unwrapper{}
	u.out = s.m.stream(func(n *needle, at int64) {
		switch n.form {
		case FormBase64, FormBase64URL, FormHex:
			if from := u.origin(at); u.origin(at+int64(len(n.bytes))-1)-from >= int64(len(n.bytes)) {
				t.add(place, n.form, n.pattern, from)
			}
		}
	})
	u.out.seen = func(_ []byte, limit int, base int64) { u.forget(base + int64(limit)) }
	_, _ = io.Copy(u, io.NewSectionReader(r, 0, size)) // a read error was met and recorded before
	u.out.Close()
}

// unwrapper drops line ends (real ones, and JSON's \n and \r) and remembers where.
type unwrapper struct {
	out     *stream
	sent    int64 // bytes passed on
	gone    int64 // bytes dropped
	cuts    []cut
	escaped bool // the last byte was a backslash that has not been passed on yet
}

// Write implements io.Writer; it never fails.
func (u *unwrapper) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if u.escaped {
			u.escaped = false
			if p[0] == 'n' || p[0] == 'r' {
				u.drop(2)
				p = p[1:]
				continue
			}
			u.pass([]byte{'\\'})
			if p[0] == '\\' {
				u.escaped, p = true, p[1:]
				continue
			}
		}
		i := bytes.IndexAny(p, "\r\n\\")
		if i < 0 {
			u.pass(p)
			break
		}
		u.pass(p[:i])
		if p[i] == '\\' {
			u.escaped = true
		} else {
			u.drop(1)
		}
		p = p[i+1:]
	}
	return n, nil
}

func (u *unwrapper) pass(p []byte) {
	u.sent += int64(len(p))
	_, _ = u.out.Write(p)
}

func (u *unwrapper) drop(n int64) {
	u.gone += n
	if last := len(u.cuts) - 1; last >= 0 && u.cuts[last].out == u.sent {
		u.cuts[last].gone = u.gone
		return
	}
	u.cuts = append(u.cuts, cut{u.sent, u.gone})
}

// cut says that from position out on, positions of the original are larger by gone.
type cut struct{ out, gone int64 }

// origin returns the position in the original of a position in the output.
func (u *unwrapper) origin(at int64) int64 {
	lo, hi := 0, len(u.cuts)
	for lo < hi {
		if mid := (lo + hi) / 2; u.cuts[mid].out <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return at
	}
	return at + u.cuts[lo-1].gone
}

// forget drops the cuts that no position from at on needs.
func (u *unwrapper) forget(at int64) {
	i := 0
	for i+1 < len(u.cuts) && u.cuts[i+1].out <= at {
		i++
	}
	u.cuts = append(u.cuts[:0], u.cuts[i:]...)
}
