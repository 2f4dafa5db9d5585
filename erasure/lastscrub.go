package erasure

import "time"

// LastScrubbed reads from a state file of [Scrub] when each peer was compacted last,
// by name. A file that does not exist says nothing about anybody.
func LastScrubbed(state string) (map[string]time.Time, error) {
	all, err := LastScrubs(state)
	out := map[string]time.Time{}
	for name, d := range all {
		out[name] = d.At
	}
	return out, err
}

// LastScrubs is [LastScrubbed] with all that is known of it.
func LastScrubs(state string) (map[string]Scrubbed, error) {
	s, err := loadScrub(state)
	if err != nil {
		return nil, err
	}
	out := map[string]Scrubbed{}
	for _, d := range s.Done {
		out[d.Peer] = d
	}
	return out, nil
}
