package ds4p

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// DigestName is the form that [Digest] hashes.
const DigestName = "ds4p-1"

var escapeField = strings.NewReplacer("%", "%25", "|", "%7C", "\n", "%0A", "\r", "%0D")

// Digest returns "ds4p-1/sha256:" and the hex SHA-256 of a set of labels: one line
// for each label, system|code|basis system|basis code and a line feed, the lines
// sorted by their bytes and equal ones written once. In the four fields "%" is
// written %25, "|" %7C, a line feed %0A, a carriage return %0D. Origin, rule and
// artifacts do not count. Labels have few possible values, so the digest can be
// guessed from: keep it where the labels are kept.
func Digest(labels []Label) string {
	lines := make([]string, len(labels))
	for i, l := range labels {
		lines[i] = escapeField.Replace(l.System) + "|" + escapeField.Replace(l.Code) + "|" +
			escapeField.Replace(l.Basis.System) + "|" + escapeField.Replace(l.Basis.Code) + "\n"
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "")))
	return DigestName + "/sha256:" + hex.EncodeToString(sum[:])
}

// compare orders labels by system, code and basis.
func compare(a, b Label) int {
	return cmp.Or(
		strings.Compare(a.System, b.System), strings.Compare(a.Code, b.Code),
		strings.Compare(a.Basis.System, b.Basis.System), strings.Compare(a.Basis.Code, b.Basis.Code),
	)
}
