package erasure

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

// ScanBlocks searches every decoded field of the blocks, in all encodings Scan knows. Finding.Path is the block's number,
// its file (if it has one) and the field: "block 12 (…/blockfile_000000) tx[0].args[1]"; Offset is that within the field.
// A hit in a raw envelope is told only where no decoded field of that transaction holds the pattern. An error among
// blocks is a gap of the report. The error is ErrPattern or ctx's.
func ScanBlocks(ctx context.Context, blocks iter.Seq2[*StoredBlock, error], patterns []Pattern) (*Report, error) {
	m, err := newMatcher(patterns)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	for b, err := range blocks {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			r.NotCovered = append(r.NotCovered, err.Error())
			continue
		}
		t := &tally{}
		scanBlock(m, t, b)
		r.merge("", t)
		r.Files++
	}
	return r.finish(), ctx.Err()
}

func scanBlock(m *matcher, t *tally, b *StoredBlock) {
	place := fmt.Sprintf("block %d", b.GetHeader().GetNumber())
	if b.Path != "" {
		place += " (" + b.Path + ")"
	}
	named := map[string]bool{} // transaction and pattern
	for _, f := range BlockFields(b.Block) {
		tx, _, _ := strings.Cut(f.Path, ".")
		raw := strings.HasSuffix(f.Path, ".envelope")
		if raw {
			t.bytes += int64(len(f.Bytes))
		}
		m.find(f.Bytes, len(f.Bytes), func(n *needle, at int) {
			k := tx + "\x00" + n.pattern
			if raw && named[k] {
				return
			}
			named[k] = true
			t.add(place+" "+f.Path, n.form.in(FormBlock), n.pattern, int64(at))
		})
	}
}
