package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-gateway/pkg/hash"
	"google.golang.org/grpc"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/network"
)

// Who acts, and on what.
const (
	region     = "us"
	org        = "UsHospital"
	collection = "us-a"
	payload    = 2000 // bytes of a resource, about what an Observation has
)

// users are the clients of all sections: those of package gateway, and those of
// fabric-gateway alone ("raw"), each with one connection to the same peer.
type users struct {
	conn *grpc.ClientConn
	raws []*client.Gateway
	sdk  map[string]*gateway.Client
	raw  map[string]*client.Contract
}

func (u *users) open(ctx context.Context, n *network.Network) error {
	u.sdk, u.raw = map[string]*gateway.Client{}, map[string]*client.Contract{}
	var err error
	if u.conn, err = n.Dial(ctx, "peer0."+org); err != nil {
		return err
	}
	for _, role := range []string{record.RoleWriter, record.RoleReader, record.RoleOfficer, record.RolePurger} {
		s, err := gateway.LoadSettings(filepath.Join(n.Dir(), "settings", org+"."+role+".yaml"))
		if err != nil {
			return err
		}
		if u.sdk[role], err = gateway.Open(ctx, s); err != nil {
			return err
		}
		if u.raw[role], err = u.contract(s); err != nil {
			return err
		}
	}
	return nil
}

// contract is a user of fabric-gateway with that user's certificate.
func (u *users) contract(s *gateway.Settings) (*client.Contract, error) {
	id, err := kit.ReadIdentity(s.Org, s.Identity.Certificate, s.Identity.Key)
	if err != nil {
		return nil, err
	}
	g, err := client.Connect(id.ID, client.WithSign(id.Sign), client.WithHash(hash.SHA256), client.WithClientConnection(u.conn))
	if err != nil {
		return nil, err
	}
	u.raws = append(u.raws, g)
	return g.GetNetwork(network.Channel).GetContract(network.Chaincode), nil
}

func (u *users) close() {
	for _, c := range u.sdk {
		if c != nil {
			c.Close()
		}
	}
	for _, g := range u.raws {
		g.Close()
	}
	if u.conn != nil {
		u.conn.Close()
	}
}

// submit is one private transaction with fabric-gateway alone: endorse, submit,
// wait for the commit.
func submit(ctx context.Context, c *client.Contract, function string, transient map[string][]byte, args ...string) error {
	p, err := c.NewProposal(function, client.WithArguments(args...), client.WithTransient(transient), client.WithEndorsingOrganizations(org))
	if err != nil {
		return err
	}
	tx, err := p.EndorseWithContext(ctx)
	if err != nil {
		return explain(err)
	}
	commit, err := tx.SubmitWithContext(ctx)
	if err != nil {
		return explain(err)
	}
	st, err := commit.StatusWithContext(ctx)
	if err != nil {
		return explain(err)
	}
	if !st.Successful {
		return fmt.Errorf("%s: transaction invalidated: %s", function, st.Code)
	}
	return nil
}

// write is one private write of the contract.
func write(ctx context.Context, c *client.Contract, op string, request any, bodies ...[]byte) error {
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	t := map[string][]byte{record.FieldOp: []byte(op), record.FieldRequest: b}
	for i, body := range bodies {
		t[record.BodyField(i)] = body
	}
	return submit(ctx, c, record.FuncWrite, t)
}

// put puts n new records in one transaction and returns their ids.
func put(ctx context.Context, c *client.Contract, n int, year string) ([]string, error) {
	req := record.PutRequest{Version: record.Version, Region: region, Collection: collection}
	var bodies [][]byte
	var ids []string
	for range n {
		id := record.NewID()
		ids = append(ids, id)
		bodies = append(bodies, resource(year))
		req.Records = append(req.Records, record.PutRecord{
			ID: id, Seed: random(record.SeedLen), Resource: token(), Subjects: []string{token()},
		})
	}
	return ids, write(ctx, c, record.OpPut, req, bodies...)
}

// resource is an Observation of payload bytes. Half of its text is random hex, so
// that it compresses about as well as records do.
func resource(year string) []byte {
	const form = `{"resourceType":"Observation","id":"%s","status":"final","code":{"text":"bench"},"subject":{"reference":"Patient/bench"},"effectiveDateTime":"%s-01-02","note":[{"text":"%s"}]}`
	id := hex.EncodeToString(random(8))
	left := payload - len(fmt.Sprintf(form, id, year, ""))
	text := hex.EncodeToString(random(left/4)) + strings.Repeat("note ", left)
	return fmt.Appendf(nil, form, id, year, text[:left])
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

func token() string { return hex.EncodeToString(random(record.TokenLen / 2)) }

// bareFields are the private writes of the bare chaincode: the value of one record,
// and as many further keys as a record has, of about the same sizes, or none.
func bareFields(further bool) map[string][]byte {
	at := hex.EncodeToString(random(13))
	fields := map[string][]byte{"bare/" + at: random(1 + record.SaltLen + payload)}
	copy(fields["bare/"+at][1+record.SaltLen:], resource("2026"))
	if !further {
		return fields
	}
	fields["meta/"+at] = random(1200)
	for i := range record.KeysPerRecord - 2 {
		fields[fmt.Sprintf("%s/%x/%d", token(), random(16), i)] = random(1 + record.SaltLen + 50)
	}
	return fields
}
