package collections

import "slices"

// MemberChanges names the log collections of old of which members change with
// updated: those of the log itself or of a collection that it is the log of. The
// private part of each is to be closed before the definition is committed
// ([Private.Closed]). A block that both makes an organisation a member and holds a
// private write leaves its peers without the data of that write for good: Fabric
// 3.1 may look for what they miss before it has noted what they miss in this very
// block (core/ledger/pvtdatastorage, processCollElgEvents).
func MemberChanges(old, updated *Policy) []string {
	if old == nil {
		return nil
	}
	var out []string
	for i := range old.Regions {
		for _, c := range old.Regions[i].Collections {
			_, now, ok := updated.Collection(c.Name)
			if ok && sameSet(c.Members, now.Members) {
				continue
			}
			log := c.Log
			if c.IsLog() {
				log = c.Name
			}
			out = append(out, log)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
