package purge

import (
	"errors"
	"strings"

	"domicile/chaincode/record"
)

// mayRetry reports whether the same request may succeed later. An error without a
// code comes from somewhere below and says nothing, so it may.
func mayRetry(c record.Code) bool {
	info, known := record.Explain(c)
	return !known || info.Retry
}

// outage reports whether an error says that the ledger is out of reach, rather than
// something about the records of the request.
func outage(c record.Code) bool {
	return mayRetry(c) && c != record.CodeMissingData && c != record.CodeConflict
}

// splits reports whether a request that failed without naming a record is to be
// halved, to find the record it failed for.
func splits(c record.Code) bool { return !mayRetry(c) || c == record.CodeMissingData }

// callerRefused reports whether a refusal is of the caller and not of a record, so
// that nothing else would fare better.
func callerRefused(c record.Code) bool {
	switch c {
	case record.CodeForbidden, record.CodeWrongPeer, record.CodeNoPolicy, record.CodeVersion,
		record.CodeBadFunction, record.CodeBadRequest, record.CodeNoKey, record.CodeSettings:
		return true
	}
	return false
}

// perRecord reports whether a refusal with this code concerns the records it names.
func perRecord(c record.Code) bool {
	switch c {
	case record.CodeNotDue, record.CodeHeld, record.CodeGone, record.CodeAbsent, record.CodeLive, record.CodeMissingData,
		record.CodeNeedsReview, record.CodeRetained:
		return true
	}
	return false
}

func ids(items []Item) []string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = it.ID
	}
	return out
}

// namedIn splits a batch into the records that the error's detail names under its own
// code and the others. Those of other codes follow behind a semicolon, and are refused
// under their own once they are sent again.
func namedIn(err error, batch []Item) (named, others []Item) {
	words := map[string]bool{}
	var e *record.Error
	if errors.As(err, &e) {
		own, _, _ := strings.Cut(e.Detail, ";")
		for _, w := range wordsOf(own) {
			words[w] = true
		}
	}
	for _, it := range batch {
		if words[it.ID] {
			named = append(named, it)
		} else {
			others = append(others, it)
		}
	}
	return named, others
}

// wordsOf cuts a text at everything that no id contains.
func wordsOf(text string) []string {
	var out []string
	start := -1
	for i := 0; i <= len(text); i++ {
		inID := i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '2' && text[i] <= '7')
		switch {
		case inID && start < 0:
			start = i
		case !inID && start >= 0:
			out = append(out, text[start:i])
			start = -1
		}
	}
	return out
}
