package record

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
)

// The plaintext of a box is packed, because each purge writes one for every record and
// its sweep writes them again: a byte packedEvidence, the version, how many prints, each
// of printLen bytes, and the canary as JSON, if there is one. Boxes of before hold JSON,
// which begins with a brace.
const (
	packedEvidence = 2
	printLen       = 2 + 8 + 32 // length, rolling hash, SHA-256
)

var errPacked = errors.New("evidence has not the form it is kept in")

func packEvidence(e Evidence) ([]byte, error) {
	if e.Version < 0 || e.Version > 255 || len(e.Prints) > 255 {
		return nil, errPacked
	}
	out := []byte{packedEvidence, byte(e.Version), byte(len(e.Prints))}
	for _, p := range e.Prints {
		roll, err := hex.DecodeString(p.Roll)
		sum, sumErr := hex.DecodeString(p.Sum)
		if err != nil || sumErr != nil || len(roll) != 8 || len(sum) != 32 || p.Len < 0 || p.Len > 0xffff {
			return nil, errPacked
		}
		out = binary.BigEndian.AppendUint16(out, uint16(p.Len))
		out = append(append(out, roll...), sum...)
	}
	if e.Canary == nil {
		return out, nil
	}
	canary, err := json.Marshal(e.Canary)
	return append(out, canary...), err
}

// unpackEvidence is the inverse of packEvidence, and reads the older form.
func unpackEvidence(b []byte) (Evidence, error) {
	var e Evidence
	if len(b) < 3 || b[0] != packedEvidence {
		return e, json.Unmarshal(b, &e)
	}
	e.Version = int(b[1])
	n, rest := int(b[2]), b[3:]
	if len(rest) < n*printLen {
		return e, errPacked
	}
	for range n {
		e.Prints = append(e.Prints, Print{
			Len: int(binary.BigEndian.Uint16(rest)), Roll: hex.EncodeToString(rest[2:10]), Sum: hex.EncodeToString(rest[10:printLen]),
		})
		rest = rest[printLen:]
	}
	if len(rest) > 0 {
		return e, json.Unmarshal(rest, &e.Canary)
	}
	return e, nil
}
