package certificate

import (
	"fmt"
	"io"
	"strings"

	"domicile/chaincode/record"
)

// Report is what a certificate that holds comes to, in three lists that say who is to be believed for what.
type Report struct {
	Record Record `json:"record"`
	// Put, Anchor (absent: never anchored), Purge and Tombstone are the transactions.
	Put       Event  `json:"put"`
	Anchor    *Event `json:"anchor,omitempty"`
	Purge     Event  `json:"purge"`
	Tombstone Event  `json:"tombstone"`
	// Rests is what all proof here rests on.
	Rests string `json:"rests"`
	// Proves follows from signatures and hashes alone.
	Proves []string `json:"proves"`
	// Stated is what somebody says, and who.
	Stated []Said `json:"stated"`
	// Unprovable is what nobody can prove.
	Unprovable []string `json:"unprovable"`
	// Unsigned is what the file does not hold because nobody signs it, and what may be left out of it unnoticed.
	Unsigned []string `json:"unsigned"`
}

// Event is one transaction.
type Event struct {
	Place
	// Time is the transaction's time, RFC 3339 in UTC: stated by who submitted it and checked against the clocks of
	// the endorsing peers within their window.
	Time string `json:"time"`
	// Submitter is the organisation that submitted it, Endorsers those whose peers signed it.
	Submitter string   `json:"submitter"`
	Endorsers []string `json:"endorsers"`
}

// Said is a statement and who makes it.
type Said struct {
	Who  string `json:"who"`
	What string `json:"what"`
}

const rests = "All of it rests on the genesis block that you gave, and holds unless peers of two regions, or the quorum of the orderers that signs a block, signed falsely together."

func (e *event) public() Event {
	return Event{e.place, e.time(), e.creator, e.orgs}
}

func (v *verifier) report() (*Report, error) {
	r := &Report{Rests: rests, Record: v.c.Record, Put: v.put.public(), Purge: v.purge.public(), Tombstone: v.tombstone.public()}
	r.Proves = append(r.Proves, fmt.Sprintf(
		"A record %s of collection %s existed under the hash %s: transaction %s in block %d, submitted by %s at %s, endorsed by peers of %s.",
		r.Record.ID, r.Record.Collection, r.Record.Hash, r.Put.TxID, r.Put.Block, r.Put.Submitter, r.Put.Time, join(r.Put.Endorsers)))
	if v.anchor != nil {
		a := v.anchor.public()
		r.Anchor = &a
		r.Proves = append(r.Proves, fmt.Sprintf(
			"Peers of %d regions (%s) found that hash in their own state and published it: block %d, %s. What they read was what the put wrote, so the put was valid.",
			len(v.anchor.regions), join(v.anchor.regions), a.Block, a.Time))
	} else {
		r.Proves = append(r.Proves, fmt.Sprintf(
			"The record was never anchored: no second region confirmed its hash while it lived. That the put was valid follows from what the endorsers of the purge (%s) read, and from the validity of the purge.",
			join(r.Purge.Endorsers)))
	}
	r.Proves = append(r.Proves,
		fmt.Sprintf("Transaction %s in block %d purged it: it removed the record's key with Fabric's purge, and entered the record in the register of collection %s. %s Submitted by %s at %s, endorsed by peers of %s.",
			r.Purge.TxID, r.Purge.Block, v.log, v.metadata(), r.Purge.Submitter, r.Purge.Time, join(r.Purge.Endorsers)),
		fmt.Sprintf("Peers of %d regions (%s) signed that the purge took effect: in their own state the record was absent and the register held what that transaction wrote, so the purge was valid, by the collection's own rule of who must endorse as well. Block %d, %s.",
			len(v.tombstone.regions), join(v.tombstone.regions), r.Tombstone.Block, r.Tombstone.Time),
		fmt.Sprintf("Peers of %d regions (%s) read this tombstone in their own state at %s, so it was valid.",
			len(v.receipt.regions), join(v.receipt.regions), v.receipt.time())+v.stillGone(),
		fmt.Sprintf("Each of these blocks was signed by at least %d of %d orderers, and every change of the channel's configuration from the genesis block on (there are %d) by a quorum of the orderers before it.",
			v.at(v.c.Tombstone.Block).quorum(), len(v.at(v.c.Tombstone.Block).consenters), len(v.configs)-1))
	r.Stated = v.stated(r)
	said, err := v.attested()
	if err != nil {
		return nil, err
	}
	r.Stated = append(r.Stated, said...)
	r.Unprovable = []string{
		"That no copy is left: in a backup, a snapshot, swap, worn cells of an SSD, a printout, a memory, or under another id or in another system.",
		"That the record was destroyed and did not move: one that moves to another collection is purged where it was and lives on there, on this ledger. The holder's register, in the private annex, names the ground.",
		"That the bytes behind the hash were a health record, or whose: only somebody who kept salt and bytes can tell that a copy was this record.",
		"That a disk was searched well, or at all: software can only say what it saw on the machine that it ran on.",
		"The time of a block: only transaction times exist, stated by clients, and bounded by the endorsers' clocks if their peers are set to check. Whether a certificate had expired was not judged.",
	}
	r.Unsigned = []string{
		"The flags by which peers mark transactions as valid are signed by nobody and are not in the file; validity follows from the versions that endorsers signed.",
		"What a peer answers to a read proves nothing, even in a block, and is not looked at: only which versions of which keys it signed to have read.",
		fmt.Sprintf("That block %d holds the last configuration that there is: later ones may be left out of the file. Who signed the receipt and the attestations is judged by this one, so who was removed or revoked later still counts.",
			v.configs[len(v.configs)-1].block),
		"Attestations and the annex may be left out of the file, and endorsements of the receipt and orderers' signatures beyond those needed. In which order these stand, nobody signs.",
	}
	return r, nil
}

// metadata says what the purge did to the record's metadata, and what the receipt shows of it.
func (v *verifier) metadata() string {
	if w, ok := v.purge.set.write(v.metaKey()); ok && w.purged {
		return "It removed the record's metadata (labels, dates, index) as well."
	}
	text := "It did not remove the record's metadata (labels, dates, index): "
	switch read, ok := v.receipt.set.read(v.metaKey()); {
	case ok && read == nil:
		return text + "a later transaction did, see below."
	case ok:
		return text + "IT IS STILL THERE, see below."
	}
	return text + "nothing in this file proves that a later transaction did."
}

// stillGone says what the receipt's endorsers signed of the record's own keys.
func (v *verifier) stillGone() string {
	if !v.receipt.foundNone(v.key()) {
		return ""
	}
	text := " In the same read they found the record's key still absent"
	switch read, ok := v.receipt.set.read(v.metaKey()); {
	case ok && read == nil:
		return text + ", and that of its metadata absent."
	case ok:
		return text + ", and ITS METADATA PRESENT: a large record goes in two steps, and the second is owed."
	}
	return text + "."
}

// stated lists what the ledger cannot show and somebody vouches for.
func (v *verifier) stated(r *Report) []Said {
	holders := "the peers of " + join(r.Purge.Endorsers)
	out := []Said{
		{holders, "the purge was lawful: the ground, the date, the absence of holds. The facts went with the record; these peers judged them by the contract's rules when they endorsed."},
		{"the peers of " + join(r.Tombstone.Endorsers), "the record's id can never be used again: the contract that they run refuses an id that the register holds."},
	}
	if v.gone == nil {
		return append(out, Said{"nobody in this file", "on which ground and authority: the holder did not add the private annex."})
	}
	g := v.gone
	if g.Ground == record.GroundMoved {
		out = append(out, Said{holders, "THIS IS NO DESTRUCTION: the record moved, and lives on in another collection of the holder."})
	}
	return append(out, Said{holders, fmt.Sprintf(
		"in the register, whose hash is on the ledger: ground %q, authority %q, row %q, purged by %q at %q in transaction %q, hash %q.",
		g.Ground, g.Authority, g.Row, g.By, g.At, g.Tx, g.Hash)})
}

func join(names []string) string { return strings.Join(names, ", ") }

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("WHAT THE LEDGER PROVES\n  " + r.Rests + "\n")
	for _, s := range r.Proves {
		b.WriteString("  - " + s + "\n")
	}
	b.WriteString("\nWHAT IS STATED, AND BY WHOM\n")
	for _, s := range r.Stated {
		b.WriteString("  - " + s.Who + ": " + s.What + "\n")
	}
	b.WriteString("\nWHAT NOBODY CAN PROVE\n")
	for _, s := range r.Unprovable {
		b.WriteString("  - " + s + "\n")
	}
	b.WriteString("\nWHAT IS NOT SIGNED\n")
	for _, s := range r.Unsigned {
		b.WriteString("  - " + s + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
