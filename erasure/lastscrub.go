package erasure

import "time"

// LastScrubbed reads from a state file of [Scrub] when each peer was compacted last,
// by name. A file that does not exist says nothing about anybody.
func LastScrubbed(state string) (map[string]time.Time, error) {
	s, err := loadScrub(state)
	if err != nil {
		return nil, err
	}
	out := map[string]time.Time{}
	for _, d := range s.Done {
		out[d.Peer] = d.At
	}
	return out, nil
}
