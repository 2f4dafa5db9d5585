package record

import "slices"

// OpPause is the operation of [FuncWrite] that stops or resumes the holder's
// purges: [PauseRequest].
const OpPause = "pause"

// OpPaused is the operation of [FuncRead] that asks whether they are stopped:
// [PausedRequest] -> [Paused].
const OpPaused = "paused"

// PauseToken is the token of the one document that says whether purges are
// stopped; secret is the value at [KeySecret] of the log collection.
func PauseToken(secret []byte) string { return token(secret, "pause", "") }

// PauseRequest ([OpPause], officer) stops or resumes every purge of the holder
// that loses a record. It is in force from its block on: a purge that was endorsed
// before and is ordered after it is refused by the validators.
type PauseRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"` // any record collection of the holder
	Seed       []byte `json:"seed"`
	Paused     bool   `json:"paused"`
	// Except names grounds that go on nevertheless; only forced may be named,
	// because a law sets it a deadline. With Paused only.
	Except    []Ground `json:"except,omitempty"`
	Authority string   `json:"authority"`
	Reason    string   `json:"reason"`
}

// Pause is the stored state of stopped purges, in [Holds] at [PauseToken].
type Pause struct {
	Except    []Ground `json:"except,omitempty"`
	Authority string   `json:"authority"`
	Reason    string   `json:"reason"`
	SetBy     string   `json:"setBy"`
	SetAt     string   `json:"setAt"`
}

// Stops reports whether purges on a ground are refused. A pause stops what loses a
// record for good: due, withdrawn and forced. Ground moved loses nothing, because
// the same bytes stay in another collection of the holder, and ground failed removes
// bytes that never became a record; neither is stopped. A nil Pause stops nothing.
func (p *Pause) Stops(g Ground) bool {
	if p == nil || slices.Contains(p.Except, g) {
		return false
	}
	return g == GroundDue || g == GroundWithdrawn || g == GroundForced
}

// PausedRequest ([OpPaused], any role) asks whether the holder's purges are stopped.
type PausedRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
}

// Paused is the answer to a [PausedRequest]; Pause is nil while purges run.
type Paused struct {
	Pause *Pause `json:"pause"`
}
