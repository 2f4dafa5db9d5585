package record

import "regexp"

// OpLog is the operation of [FuncRead] that lists the holder's log:
// [LogRequest] -> [LogPage].
const OpLog = "log"

// Acts in the log that are not named like the operation that does them.
const (
	LogLift   = "lift"   // of [OpLimit]
	LogResume = "resume" // of [OpPause]

	LogCaseOpen    = OpCase + " " + CaseOpen
	LogCaseApprove = OpCase + " " + CaseApprove
	LogCaseClose   = OpCase + " " + CaseClose

	LogPurgeFailed = OpPurge + " " + string(GroundFailed)
)

// LogOps lists everything that [LogEntry].Op can be. Puts, purges on other grounds and
// reads leave no entry: the metadata and the register have the first two.
func LogOps() []string {
	return []string{
		OpHold, OpRelease, OpFacts, OpAmend, OpLimit, LogLift, LogCaseOpen, LogCaseApprove, LogCaseClose,
		OpPause, LogResume, OpPrivate, LogPurgeFailed, OpAttest, OpEvidenceEnd,
	}
}

// LogEntry is the stored document at [LogKey]: what was done, by whom, why. Nothing
// removes one.
type LogEntry struct {
	Version int    `json:"v"`
	Op      string `json:"op"` // one of [LogOps]
	// Collection is the one that the request named: of a hold by query the one it is
	// about, else any of the holder's. Empty in entries older than the field.
	Collection string   `json:"collection,omitempty"`
	IDs        []string `json:"ids,omitempty"`
	Subjects   []string `json:"subjects,omitempty"`
	Matter     string   `json:"matter,omitempty"`
	For        string   `json:"for,omitempty"` // as in [HoldRequest]
	Query      *Query   `json:"query,omitempty"`
	Facts      []Fact   `json:"facts,omitempty"`
	Labels     string   `json:"labels,omitempty"` // relabel: digest of the new set
	Authority  string   `json:"authority,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	By         string   `json:"by"`
	At         string   `json:"at"`
	Tx         string   `json:"tx"`
}

// LogRequest ([OpLog]; officer, auditor) lists entries of the holder's log, oldest
// first, of all its collections.
type LogRequest struct {
	Version    int      `json:"v"`
	Region     string   `json:"region"`
	Collection string   `json:"collection"`      // any record collection of the holder
	Ops        []string `json:"ops,omitempty"`   // only these of [LogOps]; none: all
	From       string   `json:"from,omitempty"`  // only of this day (UTC, YYYY-MM-DD) or later
	To         string   `json:"to,omitempty"`    // only of this day or earlier
	After      string   `json:"after,omitempty"` // LogPage.Next of the page before
	Limit      int      `json:"limit,omitempty"` // 1 to MaxPage, 0 = MaxPage
}

// LogPage is one page of the log. It may be empty and yet have a Next.
type LogPage struct {
	Entries []LogEntry `json:"entries"`
	Next    string     `json:"next,omitempty"` // empty: the end
}

var logKey = regexp.MustCompile(`^log/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/[0-9a-f]{32}$`)

// CheckLogKey reports whether k has the form of a [LogKey].
func CheckLogKey(k string) bool { return logKey.MatchString(k) }

// LogRange is the half-open range of the log keys of days, each YYYY-MM-DD in UTC; an
// empty one is no bound.
func LogRange(from, to string) (start, end string) {
	start, end = prefixLog+from, "log0" // '0' follows '/'
	if to != "" {
		end = prefixLog + to + "U" // which follows the 'T' before the hour
	}
	return start, end
}
