package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goodTemplate = `{"address": {{address}}, "dial_timeout": "10s", "tls_required": true, "client_auth_required": true,
 "client_key": {{pem "clientKey"}}, "client_cert": {{pem "clientCert"}}, "root_cert": {{pem "rootCert"}}}`

// testConfig is a builder configuration with readable files.
func testConfig(t *testing.T) map[string]string {
	t.Helper()
	c := map[string]string{"address": "127.10.1.201:9999"}
	for _, key := range []string{"clientCert", "clientKey", "rootCert"} {
		c[key] = filepath.Join(t.TempDir(), key)
		if err := os.WriteFile(c[key], []byte(key+" \"PEM\"\nline\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestAPackageIsDetectedBuiltAndReleasedWithTheLocalAddressAndCertificates(t *testing.T) {
	config, err := json.Marshal(testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	source, metadata, built, released := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(metadata, "metadata.json"), `{"type":"ccaas","label":"x"}`)
	write(t, filepath.Join(source, connectionFile), goodTemplate)
	for _, step := range [][]string{{"detect", source, metadata}, {"build", source, metadata, built}, {"release", built, released}} {
		if err := run(step[0], step[1:], string(config)); err != nil {
			t.Fatal(step[0], err)
		}
	}
	path := filepath.Join(released, "chaincode", "server", connectionFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got connection
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Address != "127.10.1.201:9999" || got.ClientKey != "clientKey \"PEM\"\nline\n" || !got.ClientAuthRequired {
		t.Errorf("got %+v", got)
	}
	for _, p := range []string{path, filepath.Join(built, connectionFile)} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; it holds a key", p, info.Mode(), err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAPackageThatWouldLeaveThePeersChaincodeServerIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, with, want string }{
		"another address":         {`{{address}}`, `"10.0.0.1:1"`, "not this peer's"},
		"no TLS":                  {`"tls_required": true`, `"tls_required": false`, "mutual TLS"},
		"no client certificate":   {`"client_auth_required": true`, `"client_auth_required": false`, "mutual TLS"},
		"another file":            {`"clientKey"`, `"/etc/passwd"`, "only clientCert"},
		"a key nobody knows":      {`"dial_timeout"`, `"domain": "x", "dial_timeout"`, "unknown field"},
		"two values":              {`{"address"`, `{} {"address"`, "more than one"},
		"a template that is none": {`{{address}}`, `{{address`, "connection.json"},
		"text that is not JSON":   {`{"address"`, `"address"`, "connection.json"},
		"a function nobody knows": {`{{address}}`, `{{env "HOME"}}`, "not defined"},
	} {
		_, err := fill(strings.Replace(goodTemplate, c.old, c.with, 1), testConfig(t))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestForeignPackagesAndWrongArgumentsAreRefused(t *testing.T) {
	metadata := t.TempDir()
	write(t, filepath.Join(metadata, "metadata.json"), `{"type":"golang"}`)
	for name, args := range map[string][]string{
		"another type":  {"detect", "", metadata},
		"no metadata":   {"detect", "", "/nowhere"},
		"too few":       {"build", "a"},
		"unknown step":  {"run", "a", "b"},
		"nothing built": {"release", t.TempDir(), t.TempDir()},
		"no source":     {"build", t.TempDir(), "", t.TempDir()},
	} {
		if err := run(args[0], args[1:], "{}"); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzFill(f *testing.F) {
	f.Add(goodTemplate)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := fill(text, map[string]string{"address": "127.10.1.201:9999"})
		if err != nil {
			return
		}
		var c connection
		if err := json.Unmarshal(b, &c); err != nil || c.Address != "127.10.1.201:9999" {
			t.Errorf("%s: %v", b, err)
		}
	})
}
