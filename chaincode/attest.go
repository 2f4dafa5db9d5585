package chaincode

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"domicile/chaincode/record"
)

// found is one entry of evidence that a request names, read at its fixed key.
type found struct {
	key string
	doc record.SealedEvidence
}

// named reads the evidence under the keys of a request. That it is there shows that
// its purge was committed before.
func (c *call) named(keys []string) ([]found, error) {
	if err := count(len(keys), "keys"); err != nil {
		return nil, err
	}
	for i, k := range keys {
		if !record.CheckEvidenceKey(k) || slices.Contains(keys[:i], k) {
			return nil, record.Fail(record.CodeBadRequest, fmt.Sprintf("keys[%d] is no key of evidence, or there twice", i))
		}
	}
	out := make([]found, 0, len(keys))
	for i, k := range keys {
		f := found{key: k}
		present, err := c.document(c.log, k, &f.doc)
		if err != nil {
			return nil, err
		}
		if !present || f.doc.Collection != c.coll.Name {
			return nil, record.Fail(record.CodeAbsent, fmt.Sprintf("keys[%d]", i))
		}
		out = append(out, f)
	}
	return out, nil
}

func idsOf(list []found) []string {
	var ids []string
	for _, f := range list {
		ids = append(ids, f.doc.ID)
	}
	return ids
}

// attest is [record.OpAttest]. Clean or not, it rewrites the same keys.
func attest(c *call, req *record.AttestRequest) ([]byte, error) {
	draw, err := drawer(req.Seed)
	if err != nil {
		return nil, err
	}
	began, err := c.checkSearch(req.Search)
	if err != nil {
		return nil, err
	}
	list, err := c.named(req.Keys)
	if err != nil {
		return nil, err
	}
	r := record.Registration{Search: req.Search, Org: c.who.msp, By: c.who.id, At: c.at(), Tx: c.stub.GetTxID()}
	var out []kv
	for i, f := range list {
		purged, err := time.Parse(time.RFC3339, f.doc.At)
		if err != nil {
			return nil, internal("decoding evidence")
		}
		if began.Before(purged) {
			return nil, record.Fail(record.CodeNotAttested, fmt.Sprintf("keys[%d] was purged after the search began", i))
		}
		if slices.ContainsFunc(f.doc.Attested, func(old record.Registration) bool { return old.Org == r.Org && old.SearchedAt > r.SearchedAt }) {
			// Else what was found later would be forgotten with an earlier file.
			return nil, record.Fail(record.CodeNotAttested, fmt.Sprintf("keys[%d] has a later search of %s", i, r.Org))
		}
		f.doc.Attested = slices.DeleteFunc(f.doc.Attested, func(old record.Registration) bool { return old.Org == r.Org })
		f.doc.Attested = append(f.doc.Attested, r)
		b, err := json.Marshal(f.doc)
		if err != nil {
			return nil, internal("encoding evidence")
		}
		out = append(out, kv{f.key, record.EncodeValue(draw.Salt("attest "+f.key), b)})
	}
	entry, err := c.logEntry(draw, record.LogEntry{Op: record.OpAttest, IDs: idsOf(list), Reason: inWords(r)})
	if err != nil {
		return nil, err
	}
	return nil, c.write(c.log, append(out, entry))
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// skew is how far the clock that a search went by may be ahead of the transaction's.
const skew = 2 * time.Minute

// checkSearch checks the form of what an attestation says and returns when the search
// began.
func (c *call) checkSearch(s record.Search) (time.Time, error) {
	if !sumForm.MatchString(s.SHA256) {
		return time.Time{}, record.Fail(record.CodeBadRequest, "field search.sha256 is not 64 lower-case hex digits")
	}
	if s.Found < 0 || s.Missing < 0 || s.Gaps < 0 || s.Height == 0 {
		return time.Time{}, record.Fail(record.CodeBadRequest, "a number in field search is out of range")
	}
	began, err := time.Parse(time.RFC3339, s.SearchedAt)
	if err != nil || began.UTC().Format(time.RFC3339) != s.SearchedAt {
		return time.Time{}, record.Fail(record.CodeBadRequest, "field search.searchedAt is not a time in UTC")
	}
	if began.After(c.now.Add(skew)) {
		return time.Time{}, record.Fail(record.CodeBadRequest, "field search.searchedAt is in the future")
	}
	return began, nil
}

func inWords(r record.Registration) string {
	return fmt.Sprintf("%s attests %s: searched from %s, %d blocks, found %d, missing %d, gaps %d",
		r.Org, r.SHA256, r.SearchedAt, r.Height, r.Found, r.Missing, r.Gaps)
}

// endEvidence is [record.OpEvidenceEnd].
func endEvidence(c *call, req *record.EvidenceEndRequest) ([]byte, error) {
	draw, err := drawer(req.Seed)
	if err != nil {
		return nil, err
	}
	list, err := c.named(req.Keys)
	if err != nil {
		return nil, err
	}
	var by []string
	for i, f := range list {
		for _, m := range c.coll.Members {
			at := slices.IndexFunc(f.doc.Attested, func(r record.Registration) bool { return r.Org == m })
			if at < 0 || !f.doc.Attested[at].Clean() {
				return nil, record.Fail(record.CodeNotAttested, fmt.Sprintf("keys[%d] by %s", i, m))
			}
			if name := m + " " + f.doc.Attested[at].SHA256; !slices.Contains(by, name) {
				by = append(by, name)
			}
		}
	}
	entry, err := c.logEntry(draw, record.LogEntry{
		Op: record.OpEvidenceEnd, IDs: idsOf(list), Reason: "attestations " + strings.Join(by, ", "),
	})
	if err != nil {
		return nil, err
	}
	c.stub.StartWriteBatch()
	for _, f := range list {
		if err := c.stub.PurgePrivateData(c.log, f.key); err != nil {
			return nil, internal("purging")
		}
	}
	return nil, c.write(c.log, []kv{entry})
}
