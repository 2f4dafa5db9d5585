package network

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"path/filepath"

	"golang.org/x/sync/errgroup"
)

// Roles of an organization's users. RoleAdmin administers the organization;
// the others are clients whose certificates carry an opaque code.
const (
	RoleAdmin   = "admin"
	RoleWriter  = "writer"
	RoleReader  = "reader"
	RoleOfficer = "officer"
	RolePurger  = "purger"
	RoleAuditor = "auditor"
)

// ClientRoles are the roles that certificates carry as an opaque code.
func ClientRoles() []string {
	return []string{RoleWriter, RoleReader, RoleOfficer, RolePurger, RoleAuditor}
}

// SecondOfficer is a user beside those of the [ClientRoles]: another person with
// the role of RoleOfficer, because some acts need two.
const SecondOfficer = "officer2"

// ClientUsers are an organization's users but its administrator: one for each of
// the [ClientRoles], and the [SecondOfficer].
func ClientUsers() []string { return append(ClientRoles(), SecondOfficer) }

// streamerUnit is the organizational unit without which no certificate may
// stream whole blocks.
const streamerUnit = "auditor"

// mspConfig switches node units on: exactly one of the four units says what a
// certificate is (Fabric, msp/mspimplsetup.go).
const mspConfig = `NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer}
`

// orgPKI makes everything of one organization.
type orgPKI struct {
	dir      string // DIR/orgs/<name>
	sign     *authority
	tls      *authority
	msp      map[string][]byte // what every MSP folder of the organization holds
	tlsCAPEM []byte
}

// writePKI makes the certificates of all organizations and nodes, and each
// region's index key, in parallel.
func writePKI(dir string, t Topology, nodes []spec) error {
	var g errgroup.Group
	for _, r := range t.Regions {
		if r.Orderers > 0 {
			g.Go(func() error { return writeOrg(dir, r.ordererOrg(), nil, nodes) })
		}
		for _, o := range r.Organizations {
			g.Go(func() error { return writeOrg(dir, o.Name, ClientRoles(), nodes) })
		}
		g.Go(func() error {
			key := make([]byte, 32)
			rand.Read(key)
			return writeFile(indexKeyPath(dir, r.Name), key, 0o600)
		})
	}
	return g.Wait()
}

func indexKeyPath(dir, region string) string {
	return filepath.Join(dir, "regions", region, "index.key")
}

func writeOrg(dir, org string, roles []string, nodes []spec) error {
	o, err := newOrgPKI(filepath.Join(dir, "orgs", org))
	if err != nil {
		return fmt.Errorf("certificates of %s: %w", org, err)
	}
	for _, s := range nodes {
		if s.org == org {
			if err := o.writeNode(s); err != nil {
				return fmt.Errorf("certificates of %s: %w", s.name, err)
			}
		}
	}
	if err := o.writeUsers(roles); err != nil {
		return fmt.Errorf("users of %s: %w", org, err)
	}
	return nil
}

func newOrgPKI(dir string) (*orgPKI, error) {
	o := &orgPKI{dir: dir}
	var err error
	if o.sign, err = newAuthority(); err != nil {
		return nil, err
	}
	if o.tls, err = newAuthority(); err != nil {
		return nil, err
	}
	ca, err := o.sign.pem()
	if err != nil {
		return nil, err
	}
	tlsCA, err := o.tls.pem()
	if err != nil {
		return nil, err
	}
	o.tlsCAPEM = tlsCA.cert
	o.msp = map[string][]byte{
		"cacerts/ca.pem":       ca.cert,
		"tlscacerts/tlsca.pem": tlsCA.cert,
		"config.yaml":          []byte(mspConfig),
	}
	if err := writeAll(filepath.Join(dir, "msp"), o.msp); err != nil {
		return nil, err
	}
	return o, writeAll(dir, map[string][]byte{
		"ca/ca.pem": ca.cert, "ca/ca.key": ca.key,
		"tlsca/tlsca.pem": tlsCA.cert, "tlsca/tlsca.key": tlsCA.key,
	})
}

// writeMSP writes a local MSP folder with the identity p.
func (o *orgPKI) writeMSP(dir string, p pair) error {
	files := maps.Clone(o.msp)
	files["signcerts/cert.pem"] = p.cert
	files["keystore/private.key"] = p.key
	return writeAll(dir, files)
}

func (o *orgPKI) writeNode(s spec) error {
	if s.kind != KindChaincode {
		id, err := o.sign.issue(leaf{units: []string{s.kind}})
		if err != nil {
			return err
		}
		if err := o.writeMSP(s.mspDir(), id); err != nil {
			return err
		}
	}
	usage := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if s.kind == KindChaincode {
		usage = usage[:1]
	}
	tls, err := o.tls.issue(leaf{ips: []net.IP{net.ParseIP(s.ip)}, usage: usage})
	if err != nil {
		return err
	}
	return writeAll(filepath.Join(s.dir, "tls"), map[string][]byte{
		"server.crt": tls.cert, "server.key": tls.key, "ca.crt": o.tlsCAPEM,
	})
}

// writeUsers makes the administrator, who also gets a TLS client certificate
// for the operations endpoints, and one user for each role, two for RoleOfficer.
func (o *orgPKI) writeUsers(roles []string) error {
	admin, err := o.sign.issue(leaf{units: []string{"admin"}})
	if err != nil {
		return err
	}
	if err := o.writeMSP(userMSP(o.dir, RoleAdmin), admin); err != nil {
		return err
	}
	tls, err := o.tls.issue(leaf{usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return err
	}
	if err := writeAll(filepath.Join(o.dir, "users", RoleAdmin, "tls"),
		map[string][]byte{"client.crt": tls.cert, "client.key": tls.key}); err != nil {
		return err
	}
	codes := make(map[string]string, len(roles))
	for _, role := range roles {
		code := randomHex(4)
		for codes[code] != "" {
			code = randomHex(4)
		}
		codes[code] = role
		units := []string{"client"}
		if role == RoleAuditor {
			units = append(units, streamerUnit)
		}
		users := []string{role}
		if role == RoleOfficer {
			users = append(users, SecondOfficer)
		}
		for _, user := range users {
			if err := o.writeUser(user, leaf{units: units, roleCode: code}); err != nil {
				return err
			}
		}
	}
	b, err := json.MarshalIndent(codes, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(o.dir, "roles.json"), append(b, '\n'), 0o600)
}

func (o *orgPKI) writeUser(name string, l leaf) error {
	id, err := o.sign.issue(l)
	if err != nil {
		return err
	}
	return o.writeMSP(userMSP(o.dir, name), id)
}

func userMSP(orgDir, role string) string { return filepath.Join(orgDir, "users", role, "msp") }
