package network

// Severities of findings.
const (
	OK    = "ok"
	Warn  = "warn"
	Error = "error"
)

// CheckMemberPeers is the check of member peers.
const CheckMemberPeers = "member-peers"

// Finding is one result of a check. It names no private data.
type Finding struct {
	Node     string `json:"node"`     // "" for what concerns the whole network
	Severity string `json:"severity"` // OK, Warn or Error
	Check    string `json:"check"`    // one of the Check constants
	Message  string `json:"message"`  // what was found and what to do
}
