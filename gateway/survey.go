package gateway

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"domicile/chaincode/record"
)

// FailedSurvey is what one organisation's auditor found on its peers of what refused
// transactions left.
type FailedSurvey struct {
	Region string         `json:"region"`
	Org    string         `json:"org"`
	At     string         `json:"at"`   // when it ended, RFC 3339, UTC
	From   uint64         `json:"from"` // first block that was to be looked at
	Peers  []SurveyedPeer `json:"peers"`
	Keys   []FailedKey    `json:"keys"`
}

// SurveyedPeer says which blocks of a peer were looked at: from [FailedSurvey.From] on.
type SurveyedPeer struct {
	Name string      `json:"name"`
	Next uint64      `json:"next"`           // first block that was not
	Code record.Code `json:"code,omitempty"` // why not all that there are, if so
}

// surveyVersion is the schema version of a sealed survey.
const surveyVersion = 1

// maxSurvey bounds the file of a survey, in bytes.
const maxSurvey = 256 << 20

// ErrSurvey says that a file is no sealed survey of this region: it is none, was sealed
// under another index key, or was altered.
var ErrSurvey = errors.New("no findings that were sealed with this region's index key")

// sealedSurvey is the file of a survey. What it says outside of Box is checked by
// opening it.
type sealedSurvey struct {
	Version int    `json:"v"`
	Kind    string `json:"kind"`
	Region  string `json:"region"`
	Org     string `json:"org"`
	Box     []byte `json:"box"` // AES-256-GCM: nonce, ciphertext
}

const surveyKind = "domicile failed findings"

// SealSurvey encrypts a survey under the region's index key (HKDF-SHA-256, RFC 5869;
// AES-256-GCM), so that it may go to another holder of the region: the names of keys
// tell record ids that never were, and people's tokens. Whoever has the region's index key
// can make one.
func (c *Client) SealSurvey(s *FailedSurvey) ([]byte, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return nil, err
	}
	return sealSurvey(key, s)
}

// OpenSurvey is the inverse of [Client.SealSurvey]. Its error is [ErrSurvey], or one of
// the settings.
func (c *Client) OpenSurvey(data []byte) (*FailedSurvey, error) {
	key, err := c.needIndexKey()
	if err != nil {
		return nil, err
	}
	s, err := openSurvey(key, data)
	if err == nil && s.Region != c.settings.Region {
		err = fmt.Errorf("%w: it is of region %s", ErrSurvey, s.Region)
	}
	return s, err
}

func surveyCipher(indexKey []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, indexKey, nil, surveyKind+" 1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (f *sealedSurvey) bound() []byte { return []byte(f.Kind + " " + f.Region + "/" + f.Org) }

func sealSurvey(indexKey []byte, s *FailedSurvey) ([]byte, error) {
	aead, err := surveyCipher(indexKey)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	f := sealedSurvey{Version: surveyVersion, Kind: surveyKind, Region: s.Region, Org: s.Org}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) //nolint:errcheck // never fails
	f.Box = aead.Seal(nonce, nonce, plain, f.bound())
	return json.Marshal(f)
}

func openSurvey(indexKey, data []byte) (*FailedSurvey, error) {
	var f sealedSurvey
	if len(data) > maxSurvey || json.Unmarshal(data, &f) != nil || f.Kind != surveyKind {
		return nil, ErrSurvey
	}
	if f.Version != surveyVersion {
		return nil, fmt.Errorf("%w: schema version %d is not known", ErrSurvey, f.Version)
	}
	aead, err := surveyCipher(indexKey)
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	if len(f.Box) < n {
		return nil, ErrSurvey
	}
	plain, err := aead.Open(nil, f.Box[:n], f.Box[n:], f.bound())
	var s FailedSurvey
	if err != nil || json.Unmarshal(plain, &s) != nil || s.Region != f.Region || s.Org != f.Org {
		return nil, ErrSurvey
	}
	return &s, nil
}

// FailedUnion is what several organisations found together.
type FailedUnion struct {
	Keys []FailedKey `json:"keys"`
	// Gaps are the peers and organisations nobody looked at, or not at all blocks.
	Gaps []FailedGap `json:"gaps,omitempty"`
	// Next is the first block that was not looked at everywhere.
	Next uint64 `json:"next"`
}

// FailedGap is a peer, or a whole organisation, on which refused transactions may have
// left what nobody found.
type FailedGap struct {
	Org  string      `json:"org"`
	Peer string      `json:"peer,omitempty"` // empty: no findings of the organisation at all
	Next uint64      `json:"next"`           // first block that was not looked at
	Code record.Code `json:"code,omitempty"` // why, if the survey says so
}

// JoinFailed joins surveys for blocks from on, and says where orgs, the organisations that
// should have looked, have not. Several surveys of one organisation add up, so that a
// peer that was down may be looked at later; they must follow one another without a
// gap. What a survey says it covers is its author's word.
func JoinFailed(from uint64, orgs []string, surveys []*FailedSurvey) FailedUnion {
	found := map[[2]string]*FailedKey{}
	u := FailedUnion{Keys: []FailedKey{}}
	ends := []uint64{}
	for _, s := range surveys {
		for _, k := range s.Keys {
			mergeKey(found, k)
		}
	}
	for _, org := range orgs {
		peers := reach(from, org, surveys)
		if len(peers) == 0 {
			u.Gaps = append(u.Gaps, FailedGap{Org: org, Next: from})
			ends = append(ends, from)
		}
		for _, p := range peers {
			if p.Code != "" || p.Next < from {
				u.Gaps = append(u.Gaps, FailedGap{Org: org, Peer: p.Name, Next: max(from, p.Next), Code: p.Code})
			}
			ends = append(ends, max(from, p.Next))
		}
	}
	for _, k := range slices.SortedFunc(maps.Values(found), byKey) {
		u.Keys = append(u.Keys, *k)
	}
	if len(ends) > 0 {
		u.Next = slices.Min(ends)
	}
	return u
}

// reach says how far each peer of an organisation was looked at without a gap. Its Code
// is set when no survey that follows on got to the end.
func reach(from uint64, org string, surveys []*FailedSurvey) []SurveyedPeer {
	mine := slices.DeleteFunc(slices.Clone(surveys), func(s *FailedSurvey) bool { return s.Org != org })
	slices.SortStableFunc(mine, func(a, b *FailedSurvey) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.At, b.At)) })
	peers := map[string]*SurveyedPeer{}
	for _, s := range mine {
		for _, p := range s.Peers {
			at := peers[p.Name]
			if at == nil {
				at = &SurveyedPeer{Name: p.Name, Next: from, Code: record.CodeUnavailable}
				peers[p.Name] = at
			}
			switch {
			case s.From > at.Next: // blocks in between were not looked at
			case p.Code == "":
				at.Next, at.Code = max(at.Next, p.Next), ""
			case p.Next > at.Next:
				at.Next, at.Code = p.Next, p.Code
			case at.Code != "":
				at.Code = p.Code
			}
		}
	}
	return slices.SortedFunc(func(yield func(SurveyedPeer) bool) {
		for _, p := range peers {
			if !yield(*p) {
				return
			}
		}
	}, func(a, b SurveyedPeer) int { return cmp.Compare(a.Name, b.Name) })
}

func mergeKey(found map[[2]string]*FailedKey, k FailedKey) {
	id := [2]string{k.Collection, k.Key}
	have := found[id]
	if have == nil {
		k.Peers = slices.Clone(k.Peers)
		found[id] = &k
		return
	}
	if k.Block < have.Block {
		have.Block, have.Code = k.Block, k.Code
	}
	for _, p := range k.Peers {
		if !slices.Contains(have.Peers, p) {
			have.Peers = append(have.Peers, p)
		}
	}
}
