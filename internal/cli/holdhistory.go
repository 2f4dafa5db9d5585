package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
)

// historyFlags are those of hold report --history.
type historyFlags struct {
	wanted           bool
	matter, from, to string
}

func (h *historyFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&h.wanted, "history", false, "show who set and who released what, also of holds that have ended")
	f.StringVar(&h.matter, "matter", "", "with --history: only this `matter`")
	f.StringVar(&h.from, "from", "", "with --history: only of this `day` (UTC) or later")
	f.StringVar(&h.to, "to", "", "with --history: only of this `day` (UTC) or earlier")
}

func (h *historyFlags) check() error {
	if !h.wanted && h.matter+h.from+h.to != "" {
		return usagef("--matter, --from and --to are for --history")
	}
	for _, day := range []string{h.from, h.to} {
		if d, err := fhir.ParseDate(day); day != "" && (err != nil || d.String() != day) {
			return usagef("--from and --to are days, YYYY-MM-DD")
		}
	}
	if h.to != "" && h.from > h.to {
		return usagef("--from is after --to")
	}
	return nil
}

// Acts on a hold.
const (
	actSet      = "set"
	actReleased = "released"
)

// holdAct is one order that set or released a hold.
type holdAct struct {
	Act        string        `json:"act"`
	At         string        `json:"at"`
	By         string        `json:"by"`            // opaque id of the person
	For        string        `json:"for,omitempty"` // who first set what was carried along
	Authority  string        `json:"authority"`
	Reason     string        `json:"reason"`
	Log        string        `json:"log"`
	Collection string        `json:"collection,omitempty"`
	Records    int           `json:"records"`
	Subjects   int           `json:"subjects"` // references and identifiers of people
	Queries    int           `json:"queries"`
	IDs        []string      `json:"ids,omitempty"` // of the records
	Query      *record.Query `json:"query,omitempty"`
	Tx         string        `json:"tx"`
}

func actOf(e gateway.Logged) holdAct {
	act := holdAct{
		Act: actSet, At: e.At, By: e.By, For: e.For, Authority: e.Authority, Reason: e.Reason, Log: e.Log, Collection: e.Collection,
		Records: len(e.IDs), Subjects: len(e.Subjects), IDs: e.IDs, Query: e.Query, Tx: e.Tx,
	}
	if e.Op == record.OpRelease {
		act.Act = actReleased
	}
	if e.Query != nil {
		act.Queries = 1
	}
	return act
}

// on says what an act is about.
func (h *holdAct) on() string {
	var out []string
	if h.Records > 0 {
		out = append(out, fmt.Sprintf("%d records", h.Records))
	}
	if h.Subjects > 0 {
		out = append(out, fmt.Sprintf("%d index tokens of people", h.Subjects))
	}
	if h.Query != nil {
		out = append(out, "query on "+cmp.Or(h.Collection, "a collection")+": "+queryText(h.Query))
	}
	return strings.Join(out, ", ")
}

// matterHistory is all that was done in one matter, oldest first.
type matterHistory struct {
	Matter string    `json:"matter"`
	Acts   []holdAct `json:"acts"`
}

// histories reads the acts of every matter, the matter that began first at the front.
func histories(ctx context.Context, client *gateway.Client, h historyFlags) ([]*matterHistory, error) {
	list := []*matterHistory{}
	q := gateway.LogQuery{Ops: []string{record.OpHold, record.OpRelease}, From: h.from, To: h.to}
	for e, err := range client.Log(ctx, q) {
		if err != nil {
			return nil, err
		}
		if h.matter != "" && e.Matter != h.matter {
			continue
		}
		i := slices.IndexFunc(list, func(m *matterHistory) bool { return m.Matter == e.Matter })
		if i < 0 {
			i = len(list)
			list = append(list, &matterHistory{Matter: e.Matter})
		}
		list[i].Acts = append(list[i].Acts, actOf(e))
	}
	for _, m := range list {
		// Of what was done in one second "set" comes before "released".
		slices.SortStableFunc(m.Acts, func(a, b holdAct) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(b.Act, a.Act)) })
	}
	slices.SortStableFunc(list, func(a, b *matterHistory) int { return cmp.Compare(a.Acts[0].At, b.Acts[0].At) })
	return list, nil
}

func (a *app) holdHistory(ctx context.Context, client *gateway.Client, h historyFlags) error {
	list, err := histories(ctx, client, h)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		a.say("the log has no order that set or released such a hold")
		return nil
	}
	t := newTable(a.out, "Matter", "Act", "When", "By", "On", "Authority", "Reason", "Log")
	for _, m := range list {
		for _, act := range m.Acts {
			by := act.By
			if act.For != "" {
				by += "\nfor " + act.For
			}
			t.AppendRow([]any{m.Matter, act.Act, act.At, by, act.on(), act.Authority, act.Reason, act.Log})
		}
	}
	t.Render()
	return nil
}
