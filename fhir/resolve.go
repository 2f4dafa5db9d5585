package fhir

import (
	"crypto/sha256"
	"strings"
)

// urlIndex leads from a fullUrl to "Type/id". The URL is kept as half of its
// SHA-256, so that long ones cost no more memory. Entries whose fullUrl stands for
// several resources lead to "".
type urlIndex map[[16]byte]string

func urlKey(url string) [16]byte {
	sum := sha256.Sum256([]byte(url))
	return [16]byte(sum[:16])
}

func (x urlIndex) add(e Entry) {
	if e.FullURL == "" || !isID(e.Resource.ID) {
		return
	}
	ref := e.Resource.Type + "/" + e.Resource.ID
	key := urlKey(e.FullURL)
	if old, ok := x[key]; ok && old != ref {
		ref = ""
	}
	x[key] = ref
}

// Resolve returns what a literal reference in a record of the inspected input
// points to, in one form for all spellings, so that equal results mean the same
// resource:
//
//   - "Type/id" where the reference is the fullUrl (a urn:uuid: or an absolute URL)
//     of an entry of the split Bundle whose resource has an id;
//   - "" for a contained resource ("#x"), which is part of its own record;
//   - otherwise the reference itself, without a version ("/_history/2").
func Resolve(sum *Summary, ref string) string {
	if strings.HasPrefix(ref, "#") {
		return ""
	}
	plain, _, _ := strings.Cut(ref, "/_history/")
	if sum == nil || len(sum.index) == 0 {
		return plain
	}
	for _, url := range []string{ref, plain} {
		if to := sum.index[urlKey(url)]; to != "" {
			return to
		}
	}
	return plain
}
