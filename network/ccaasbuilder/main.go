// Command ccaasbuilder is Fabric's external builder for chaincode that runs as
// a service beside the peer. The peer runs it as detect, build and release,
// through links with these names (Fabric, docs/source/cc_launcher.md).
//
// The package holds a connection.json that is a template: every organization
// installs the same bytes, so all approve one package id, and each peer fills
// in its own address and certificates at build time. They come from the
// environment variable CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG, a JSON object
// with the keys address, clientCert, clientKey and rootCert (the last three
// are paths of PEM files). In the template, {{address}} is the address and
// {{pem "clientKey"}} the content of a file, both as JSON strings. A result
// that does not ask for mutual TLS, or that points to another address, is
// refused: a package must not be able to send private data elsewhere.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

const (
	connectionFile = "connection.json"
	configVariable = "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG"
)

func main() {
	args := os.Args
	step := filepath.Base(args[0])
	if len(args) > 1 && (args[1] == "detect" || args[1] == "build" || args[1] == "release") {
		step, args = args[1], args[1:]
	}
	if err := run(step, args[1:], os.Getenv(configVariable)); err != nil {
		fmt.Fprintf(os.Stderr, "ccaasbuilder %s: %v\n", step, err)
		os.Exit(1)
	}
}

// run performs one step; an error means "not mine" for detect and failure for
// the others.
func run(step string, args []string, config string) error {
	switch {
	case step == "detect" && len(args) == 2:
		return detect(args[1])
	case step == "build" && len(args) == 3:
		return build(args[0], args[2], config)
	case step == "release" && len(args) == 2:
		return release(args[0], args[1])
	}
	return errors.New("usage: detect SOURCE METADATA | build SOURCE METADATA OUTPUT | release BUILD RELEASE")
}

// detect accepts packages of type ccaas.
func detect(metadata string) error {
	b, err := os.ReadFile(filepath.Join(metadata, "metadata.json"))
	if err != nil {
		return err
	}
	var m struct{ Type string }
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("metadata.json: %w", err)
	}
	if m.Type != "ccaas" {
		return fmt.Errorf("package type is %q, not ccaas", m.Type)
	}
	return nil
}

// build fills the template and checks the result.
func build(source, output, config string) error {
	text, err := os.ReadFile(filepath.Join(source, connectionFile))
	if err != nil {
		return err
	}
	var c map[string]string
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return fmt.Errorf("%s: %w", configVariable, err)
	}
	b, err := fill(string(text), c)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(output, connectionFile), b, 0o600)
}

// connection is Fabric's ChaincodeServerUserData
// (core/container/externalbuilder/instance.go).
type connection struct {
	Address            string `json:"address"`
	DialTimeout        string `json:"dial_timeout"`
	TLSRequired        bool   `json:"tls_required"`
	ClientAuthRequired bool   `json:"client_auth_required"`
	ClientKey          string `json:"client_key"`
	ClientCert         string `json:"client_cert"`
	RootCert           string `json:"root_cert"`
}

func fill(text string, config map[string]string) ([]byte, error) {
	quote := func(s string) (string, error) {
		b, err := json.Marshal(s)
		return string(b), err
	}
	t, err := template.New(connectionFile).Funcs(template.FuncMap{
		"address": func() (string, error) { return quote(config["address"]) },
		"pem": func(key string) (string, error) {
			if key != "clientCert" && key != "clientKey" && key != "rootCert" {
				return "", fmt.Errorf("pem %q: only clientCert, clientKey and rootCert exist", key)
			}
			b, err := os.ReadFile(config[key])
			if err != nil {
				return "", fmt.Errorf("pem %q: %w", key, err)
			}
			return quote(string(b))
		},
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, nil); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(out.Bytes()))
	dec.DisallowUnknownFields()
	var got connection
	if err := dec.Decode(&got); err != nil {
		return nil, fmt.Errorf("%s: %w", connectionFile, err)
	}
	if dec.More() {
		return nil, fmt.Errorf("%s holds more than one value", connectionFile)
	}
	if got.Address == "" || got.Address != config["address"] {
		return nil, errors.New("the package names an address that is not this peer's chaincode server; refused")
	}
	if !got.TLSRequired || !got.ClientAuthRequired || got.ClientKey == "" || got.ClientCert == "" || got.RootCert == "" {
		return nil, errors.New("the package does not ask for mutual TLS; refused")
	}
	return json.Marshal(got)
}

// release puts the result where the peer looks for it.
func release(built, output string) error {
	b, err := os.ReadFile(filepath.Join(built, connectionFile))
	if err != nil {
		return err
	}
	dir := filepath.Join(output, "chaincode", "server")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, connectionFile), b, 0o600)
}
