package chaincode

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"
)

func TestACertificateStandsForThePersonItWasMadeFor(t *testing.T) {
	cert := func(name, raw string) *x509.Certificate {
		return &x509.Certificate{Raw: []byte(raw), Subject: pkix.Name{CommonName: name}}
	}
	for _, c := range []struct {
		name string
		same bool
		a, b string
	}{
		{"a renewed certificate", true, person(cert("u1", "a"), ""), person(cert("u1", "b"), "")},
		{"two of one enrolment", true, person(cert("u1", "a"), "e"), person(cert("u2", "b"), "e")},
		{"one with and one without the attribute of Fabric's CA", true, person(cert("e", "a"), "e"), person(cert("e", "b"), "")},
		{"two people", false, person(cert("u1", "a"), ""), person(cert("u2", "a"), "")},
		{"two certificates without a name", false, person(cert("", "a"), ""), person(cert("", "b"), "")},
	} {
		if (c.a == c.b) != c.same {
			t.Errorf("%s: %s and %s", c.name, c.a, c.b)
		}
	}
}
