package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
)

// erasureFlags are those of retention erasure.
type erasureFlags struct {
	region, org, subject, law, received, ref, authority string
	others, execute                                     bool
}

// laws maps the short names of the command line.
var laws = map[string]string{"gdpr": record.LawGDPR, "mhmda": record.LawMHMDA}

func (a *app) retentionErasure() *cobra.Command {
	var o erasureFlags
	c := &cobra.Command{
		Use: "erasure --region REGION --subject FILE|- --law gdpr|mhmda --received DAY", Short: "Decide a person's demand for erasure and write the reply",
		Long: `Decides for every record about the person whether the law lets the holder keep it, by which
row and under which exception, says by when the person must be answered, and prints the text
of the answer, in which a person fills in names.

With --execute it opens a case under --case, which another officer approves (retention case
approve) before purge run --case destroys what may go; and where records are refused it
restricts access to all that concerns the person, until another officer lifts the restriction
(retention case close --lift), at the latest once their floors have ended. Without, it changes
nothing.

Records that the law is not about are listed as such: they stay, and are no reason to restrict
access. Records that are also about somebody else (a mother and her child), or that know the person
by a reference or identifier which the file does not name, are listed apart and stay, unless
--others says that the case takes them too.

Copies in collections of several members are named with the organisations that have them and
are owed notice. Whom else the records were given to, the ledger does not know.`,
		Example: `  domicile retention erasure --region eu --subject patient.json --law gdpr --received 2026-05-02
  domicile retention erasure --region eu --subject patient.json --law gdpr --received 2026-05-02 --case DSR-17 --execute`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			day, err := fhir.ParseDate(o.received)
			switch {
			case o.subject == "":
				return usagef("--subject is missing: a file with the person, as in record list")
			case laws[o.law] == "":
				return usagef("--law is gdpr or mhmda")
			case err != nil || day.String() != o.received:
				return usagef("--received is the day the demand came in, YYYY-MM-DD")
			case day.Compare(fhir.DateOf(time.Now().Add(14*time.Hour))) > 0: // today, in the easternmost zone
				return usagef("--received is a day to come: the time for the answer would be too long")
			case o.execute && o.ref == "":
				return usagef("--execute needs the holder's reference: --case")
			}
			return a.erasure(c.Context(), o, day)
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringVar(&o.subject, "subject", "", "the person in this `FILE|-`, as in record list")
	f.StringVar(&o.law, "law", "", "`LAW` that the demand is made under: gdpr or mhmda")
	f.StringVar(&o.received, "received", "", "`day` on which the demand came in, YYYY-MM-DD")
	f.StringVar(&o.ref, "case", "", "the holder's `reference` of the case, which names nobody")
	f.StringVar(&o.authority, "authority", "", "under what the case is opened (default: the article of the law)")
	f.BoolVar(&o.others, "others", false, "the case takes records too that are also about others")
	f.BoolVar(&o.execute, "execute", false, "open the case, and restrict access where records are refused")
	return c
}

// erasureJSON is the output of retention erasure.
type erasureJSON struct {
	*gateway.ErasurePlan
	Reply string `json:"reply"`
	Case  string `json:"case,omitempty"`
}

func (a *app) erasure(ctx context.Context, o erasureFlags, received fhir.Date) error {
	client, err := a.connect(ctx, where{o.region, o.org, record.RoleOfficer})
	if err != nil {
		return err
	}
	defer client.Close()
	tokens, err := a.subjectTokens(client, o.subject)
	if err != nil {
		return err
	}
	plan, err := client.PlanErasure(ctx, tokens, laws[o.law], received)
	if err != nil {
		return err
	}
	reply := replyText(plan, o.others)
	if a.json {
		if err := a.printJSON(erasureJSON{plan, reply, o.ref}); err != nil {
			return err
		}
	} else {
		a.printErasure(plan, o.others)
		fmt.Fprintf(a.out, "\n%s", reply)
	}
	if !o.execute {
		a.say("Nothing was changed. Pass --case and --execute to open the case.")
		return nil
	}
	return a.openCase(ctx, client, o, plan)
}

func (a *app) openCase(ctx context.Context, client *gateway.Client, o erasureFlags, plan *gateway.ErasurePlan) error {
	authority := o.authority
	if authority == "" {
		authority = lawName(plan.Law)
	}
	_, err := client.Case(ctx, gateway.CaseOrder{
		Case: o.ref, Action: record.CaseOpen, Law: plan.Law, Subjects: plan.Subjects,
		Received: plan.Received, Deadline: plan.ReplyBy, Others: o.others, Authority: authority, Reason: "demand for erasure",
	})
	if err != nil {
		return err
	}
	a.say("case opened; another officer approves it: domicile retention case approve --region %s --case REF", client.Region())
	if plan.Refused == 0 {
		return nil
	}
	_, err = client.Limit(ctx, gateway.LimitOrder{
		Subjects: plan.Subjects, Reference: o.ref, Authority: authority, Reason: "erasure refused, access restricted until retention ends",
	})
	if err != nil {
		return err
	}
	a.say("access to what concerns the person is restricted to officers and auditors")
	if plan.Beyond > 0 {
		a.say("that includes %d records that the law is not about", plan.Beyond)
	}
	return nil
}

func (a *app) printErasure(p *gateway.ErasurePlan, others bool) {
	t := newTable(a.out, "Record", "Collection", "Decision", "Until", "Row", "Exception", "Why")
	for _, r := range p.Records {
		decision := "may go"
		switch {
		case r.Beyond:
			decision = "not under this law"
		case !r.Allowed:
			decision = "refused"
		case len(r.Matters) > 0:
			decision = "held: " + strings.Join(r.Matters, " ")
		case r.Shared && others:
			decision = "may go, also about others"
		case r.Shared:
			decision = "stays, also about others"
		}
		until := ""
		if !r.LimitUntil.IsZero() {
			until = r.LimitUntil.String()
		}
		t.AppendRow([]any{r.ID, r.Collection, decision, until, r.Row, r.Exception, r.Why})
	}
	if t.Length() > 0 {
		t.Render()
	}
	allowed, stay := p.Allowed, p.Shared
	if others {
		allowed, stay = allowed+stay, 0
	}
	fmt.Fprintf(a.out, "%d may go, %d refused, %d held, %d stay as they are also about others, %d are not under this law; the person is answered by %s",
		allowed, p.Refused, p.Held, stay, p.Beyond, p.ReplyBy)
	if p.Extended != "" {
		fmt.Fprintf(a.out, " (%s if put off with reasons until then)", p.Extended)
	}
	fmt.Fprintln(a.out)
	for _, n := range p.Notify {
		fmt.Fprintf(a.out, "notice is owed to %s, which has copies of %d records in %s\n", n.Organization, n.Records, n.Collection)
	}
	if len(p.Notify) == 0 {
		fmt.Fprintln(a.out, "no other organisation of this ledger has copies; whom else they were given to, you know")
	}
	if p.Overdue {
		a.say("warning: the answer is overdue")
	}
}

func lawName(law string) string {
	if law == record.LawMHMDA {
		return "Washington My Health My Data Act, RCW 19.373.040"
	}
	return "GDPR article 17"
}

// replyText is the draft of the answer. It names nobody and nothing of the records.
func replyText(p *gateway.ErasurePlan, others bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Your request of %s under %s\n\n", p.Received, lawName(p.Law))
	allowed := p.Allowed
	if others {
		allowed += p.Shared
	}
	if allowed > 0 {
		fmt.Fprintf(&b, "We erase %d records about you. We will tell those we gave copies to.\n", allowed)
	}
	if p.Shared > 0 && !others {
		fmt.Fprintf(&b, "%d records are about other people as well, whose rights we have to weigh, and stay.\n", p.Shared)
	}
	if p.Held > 0 {
		fmt.Fprintf(&b, "%d records are needed for legal claims and stay until the claims have ended\n(GDPR article 17(3)(e), or the law that ordered it).\n", p.Held)
	}
	if p.Beyond > 0 {
		fmt.Fprintf(&b, "%d records are not of the kind that this law is about, and stay as they are.\n", p.Beyond)
	}
	seen := map[string]bool{}
	for _, r := range p.Records {
		if r.Allowed || r.Beyond || seen[r.Row+r.LimitUntil.String()] {
			continue
		}
		seen[r.Row+r.LimitUntil.String()] = true
		fmt.Fprintf(&b, "We may not erase some records yet: %s (%s)", r.Authority, r.Exception)
		if !r.LimitUntil.IsZero() {
			fmt.Fprintf(&b, "; they are kept until %s", r.LimitUntil)
		}
		b.WriteString(".\n")
	}
	if p.Refused > 0 {
		b.WriteString("Until then we keep them only, and use them for nothing else.\n")
	}
	if len(p.Records) == 0 {
		b.WriteString("We hold no records about you.\n")
	}
	if p.Law == record.LawGDPR {
		b.WriteString("You may complain to a supervisory authority and go to court (GDPR article 12(4)).\n")
	} else {
		b.WriteString("You may appeal to us, and complain to the Attorney General (RCW 19.373.040).\n")
	}
	return b.String()
}

func (a *app) retentionCase() *cobra.Command {
	c := &cobra.Command{
		Use: "case", Short: "Approve, close or show a case of forced erasure",
		Long: `A case of forced erasure is opened by one officer (retention erasure --execute) and approved
by another. Only then purge run --case destroys what the law lets go.`,
		Example: "  domicile retention case approve --region eu --case DSR-17 --authority \"DPO\" --reason checked",
	}
	c.AddCommand(a.caseAct(record.CaseApprove), a.caseAct(record.CaseClose), a.caseShow())
	return c
}

func (a *app) caseAct(action string) *cobra.Command {
	var region, org, ref, authority, reason string
	var lift bool
	short := "Approve a case, as another officer than the one who opened it"
	if action == record.CaseClose {
		short = "Close a case, so that it destroys nothing more"
	}
	c := &cobra.Command{
		Use: action + " --region REGION --case REF --authority A --reason R", Short: short,
		Long:    short + `. On the local network it acts as the second officer unless --as says otherwise.`,
		Example: fmt.Sprintf(`  domicile retention case %s --region eu --case DSR-17 --authority "data protection officer" --reason "identity and scope checked"`, action),
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if ref == "" || authority == "" || reason == "" {
				return usagef("--case, --authority and --reason are all needed")
			}
			client, err := a.connect(c.Context(), where{region, org, secondOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			if lift {
				if err := liftLimit(c.Context(), client, ref, authority, reason); err != nil {
					return err
				}
			}
			receipts, err := client.Case(c.Context(), gateway.CaseOrder{Case: ref, Action: action, Authority: authority, Reason: reason})
			for _, r := range receipts {
				if err := a.printLine(r); err != nil {
					return err
				}
			}
			return err
		},
	}
	regionFlag(c, &region, true)
	f := c.Flags()
	f.StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	f.StringVar(&ref, "case", "", "the holder's `reference` of the case")
	f.StringVar(&authority, "authority", "", "`who` decided it and under what")
	f.StringVar(&reason, "reason", "", "`why`")
	if action == record.CaseClose {
		f.BoolVar(&lift, "lift", false, "also lift the restriction of access that the case brought")
	}
	return c
}

// liftLimit ends the restriction that a case brought.
func liftLimit(ctx context.Context, client *gateway.Client, ref, authority, reason string) error {
	doc, err := client.CaseOf(ctx, "", ref)
	if err != nil {
		return err
	}
	_, err = client.Limit(ctx, gateway.LimitOrder{Subjects: doc.Subjects, Lift: true, Reference: ref, Authority: authority, Reason: reason})
	return err
}

func (a *app) caseShow() *cobra.Command {
	var region, org, ref string
	c := &cobra.Command{
		Use: "show --region REGION --case REF", Short: "Show a case: who opened and approved it, and its dates",
		Example: "  domicile retention case show --region eu --case DSR-17",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if ref == "" {
				return usagef("--case is missing")
			}
			client, err := a.connect(c.Context(), where{region, org, record.RoleOfficer})
			if err != nil {
				return err
			}
			defer client.Close()
			doc, err := client.CaseOf(c.Context(), "", ref)
			if err != nil {
				return err
			}
			return a.printJSON(doc)
		},
	}
	regionFlag(c, &region, true)
	c.Flags().StringVar(&org, "org", "", "`organisation` that holds the records (default: the region's first)")
	c.Flags().StringVar(&ref, "case", "", "the holder's `reference` of the case")
	return c
}
