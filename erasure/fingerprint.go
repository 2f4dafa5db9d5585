package erasure

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"

	"domicile/chaincode/record"
)

// Lengths of what a fingerprint stands for, in bytes.
const (
	MinFingerprint = 16
	MaxFingerprint = 64
)

// Fingerprint finds a random byte string without being able to tell it: a 64-bit
// rolling hash, which a scan compares at every position, and the SHA-256 that
// confirms a hit. Made of a record's salt it lets an operator look for the record
// after its purge; nothing of the record, and not its anchor hash, can be computed
// from it, because the salt cannot.
//
// Only the raw bytes are found, in every container that a scan reads, and not their
// base64, hex or other encodings. That is right for salts: 32 random bytes stay
// as they are in LevelDB's compressed tables, where text does not.
type Fingerprint struct {
	Name string            // stands for it in reports
	Len  int               // bytes it stands for, MinFingerprint to MaxFingerprint
	Roll uint64            // rolling hash
	Sum  [sha256.Size]byte // SHA-256
}

// FingerprintOf returns the fingerprint of b, which should hold at least 64 random
// bits. It panics if b is shorter than MinFingerprint or longer than MaxFingerprint.
func FingerprintOf(name string, b []byte) Fingerprint {
	if len(b) < MinFingerprint || len(b) > MaxFingerprint {
		panic(fmt.Sprintf("erasure: a fingerprint of %d bytes", len(b)))
	}
	return Fingerprint{Name: name, Len: len(b), Roll: rollOf(b), Sum: sha256.Sum256(b)}
}

// fingerprintJSON is the form in documents; the hash is in hex, as no JSON number
// holds 64 bits everywhere.
type fingerprintJSON struct {
	Name string `json:"name"`
	Len  int    `json:"len"`
	Roll string `json:"roll"`
	Sum  string `json:"sha256"`
}

// MarshalJSON implements [json.Marshaler].
func (f Fingerprint) MarshalJSON() ([]byte, error) {
	var roll [8]byte
	binary.BigEndian.PutUint64(roll[:], f.Roll)
	return json.Marshal(fingerprintJSON{f.Name, f.Len, hex.EncodeToString(roll[:]), hex.EncodeToString(f.Sum[:])})
}

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Fingerprint) UnmarshalJSON(b []byte) error {
	var j fingerprintJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	roll, err := hex.DecodeString(j.Roll)
	sum, err2 := hex.DecodeString(j.Sum)
	if err != nil || err2 != nil || len(roll) != 8 || len(sum) != sha256.Size || j.Len < MinFingerprint || j.Len > MaxFingerprint || j.Name == "" {
		return fmt.Errorf("%w: malformed fingerprint", ErrPattern)
	}
	*f = Fingerprint{Name: j.Name, Len: j.Len, Roll: binary.BigEndian.Uint64(roll), Sum: [sha256.Size]byte(sum)}
	return nil
}

const rollBase = record.RollBase

func rollOf(b []byte) uint64 { return record.Roll(b) }

// FingerprintFrom turns a print that the ledger kept into a fingerprint. The error
// wraps [ErrPattern].
func FingerprintFrom(name string, p record.Print) (Fingerprint, error) {
	f := Fingerprint{Name: name, Len: p.Len}
	var roll [8]byte
	if name == "" || p.Len < MinFingerprint || p.Len > MaxFingerprint || len(p.Roll) != 2*len(roll) || len(p.Sum) != 2*len(f.Sum) {
		return Fingerprint{}, fmt.Errorf("%w: malformed fingerprint", ErrPattern)
	}
	_, err := hex.Decode(roll[:], []byte(p.Roll))
	_, err2 := hex.Decode(f.Sum[:], []byte(p.Sum))
	if err != nil || err2 != nil {
		return Fingerprint{}, fmt.Errorf("%w: malformed fingerprint", ErrPattern)
	}
	f.Roll = binary.BigEndian.Uint64(roll[:])
	return f, nil
}

// prints are the fingerprints of one length. Beside the fingerprints themselves they
// take about 25 bytes each.
type prints struct {
	length int
	out    uint64 // weight of the byte that leaves the window
	shift  int    // of a rolling hash, to its bit in the sieve
	sieve  []uint64
	list   []*Fingerprint   // of this length, those with the same rolling hash side by side
	first  map[uint64]int32 // rolling hash → where in list
}

// Size of the bit set that almost every position fails: at least 2^20 bits, and 32 for
// each fingerprint, so that no more than one in 32 positions is looked up.
const (
	sieveBits  = 20
	sievePrint = 32
)

func newPrints(list []Fingerprint) ([]*prints, error) {
	byLen := map[int]*prints{}
	var out []*prints
	for i := range list {
		f := &list[i]
		if f.Len < MinFingerprint || f.Len > MaxFingerprint || f.Name == "" {
			return nil, fmt.Errorf("%w: fingerprint %d has no name or stands for %d bytes, allowed are %d to %d", ErrPattern, i, f.Len, MinFingerprint, MaxFingerprint)
		}
		p := byLen[f.Len]
		if p == nil {
			p = &prints{length: f.Len, out: 1}
			for range f.Len {
				p.out *= rollBase
			}
			byLen[f.Len] = p
			out = append(out, p)
		}
		p.list = append(p.list, f)
	}
	for _, p := range out {
		p.index()
	}
	return out, nil
}

// index makes the sieve and the table of rolling hashes.
func (p *prints) index() {
	bitsWanted := max(sieveBits, bits.Len(uint(len(p.list)*sievePrint-1)))
	p.shift, p.sieve = 64-bitsWanted, make([]uint64, 1<<bitsWanted/64)
	slices.SortFunc(p.list, func(a, b *Fingerprint) int { return cmp.Compare(a.Roll, b.Roll) })
	p.first = make(map[uint64]int32, len(p.list))
	for i, f := range p.list {
		if i == 0 || p.list[i-1].Roll != f.Roll {
			p.first[f.Roll] = int32(i)
		}
		bit := f.Roll >> p.shift
		p.sieve[bit/64] |= 1 << (bit % 64)
	}
}

// find calls hit for every fingerprint whose bytes start in text before limit.
func (p *prints) find(text []byte, limit int, hit func(n *needle, at int)) {
	last := min(limit-1, len(text)-p.length)
	if last < 0 {
		return
	}
	h := rollOf(text[:p.length])
	for at := 0; ; at++ {
		if bit := h >> p.shift; p.sieve[bit/64]>>(bit%64)&1 == 1 {
			p.confirm(text[at:at+p.length], h, func(n *needle) { hit(n, at) })
		}
		if at == last {
			return
		}
		h = h*rollBase + uint64(text[at+p.length]) + 1 - p.out*(uint64(text[at])+1)
	}
}

func (p *prints) confirm(window []byte, h uint64, hit func(*needle)) {
	i, ok := p.first[h]
	if !ok {
		return
	}
	sum := sha256.Sum256(window)
	for ; int(i) < len(p.list) && p.list[i].Roll == h; i++ {
		if f := p.list[i]; f.Sum == sum {
			hit(&needle{pattern: f.Name, form: FormRaw})
		}
	}
}
