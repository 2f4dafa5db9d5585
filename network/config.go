package network

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"text/template"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"q":   strconv.Quote, // a Go string of printable text is a YAML double-quoted one
	"inc": func(i int) int { return i + 1 },
}).ParseFS(templateFiles, "templates/*.tmpl"))

// render writes the template with that name, filled with data, to path.
func render(path, name string, data any) error {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("fill %s: %w", name, err)
	}
	return writeFile(path, b.Bytes(), 0o600)
}

// nodeConfig fills the templates of orderer.yaml and core.yaml.
type nodeConfig struct {
	Name, Org               string
	Host                    string
	Port                    int
	Listen, ChaincodeListen string
	Admin, Operations       string
	Data, MSP               string
	TLSCert, TLSKey, TLSCA  string
	Builder, Snapshots, WAL string
	Bootstrap               []string
}

// command is a program of a node with its arguments and whole environment.
type command struct {
	path string
	args []string
	env  []string
}

// launch holds what starting nodes needs to know about the network.
type launch struct {
	dir, binDir     string
	chaincodeBinary string
	packageID       string
	nodes           []spec
}

// logSpec is the level at which nodes log: more than info would print
// plaintext (gossip at debug), less would hide the sweep of purged data.
// Entries for each remote call are left out. logFormat has no colours.
const (
	logSpec   = "info:grpc,comm.grpc=warn"
	logFormat = "%{time:2006-01-02T15:04:05.000Z07:00} %{level:.4s} [%{module}] %{shortfunc} -> %{message}"
)

// baseEnv is all that programs get of the caller's environment: CORE_*,
// ORDERER_* and CONFIGTX_* variables would override settings.
func baseEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
}

// prepare writes the node's settings and says how to run it. Settings are
// written at every start, so they follow a directory that was moved.
func (l launch) prepare(s spec) (command, error) {
	env := append(baseEnv(),
		"FABRIC_LOGGING_SPEC="+logSpec, "FABRIC_LOGGING_FORMAT="+logFormat, "FABRIC_CFG_PATH="+s.configDir())
	switch s.kind {
	case KindOrderer:
		err := render(filepath.Join(s.configDir(), "orderer.yaml"), "orderer.yaml.tmpl", l.config(s))
		return command{path: filepath.Join(l.binDir, "orderer"), env: env}, err
	case KindPeer:
		builder, err := l.builderConfig(s)
		if err != nil {
			return command{}, err
		}
		env = append(env, "CHAINCODE_AS_A_SERVICE_BUILDER_CONFIG="+builder)
		err = render(filepath.Join(s.configDir(), "core.yaml"), "core.yaml.tmpl", l.config(s))
		return command{path: filepath.Join(l.binDir, "peer"), args: []string{"node", "start"}, env: env}, err
	}
	env = append(baseEnv(),
		"CHAINCODE_ID="+l.packageID,
		"CHAINCODE_SERVER_ADDRESS="+s.address(),
		"CORE_PEER_LOCALMSPID="+s.org,
		"CHAINCODE_TLS_CERT_FILE="+s.tlsCert(),
		"CHAINCODE_TLS_KEY_FILE="+s.tlsKey(),
		"CHAINCODE_TLS_CLIENT_CA_FILE="+s.tlsCA(),
	)
	return command{path: l.chaincodeBinary, env: env}, nil
}

func (l launch) config(s spec) nodeConfig {
	c := nodeConfig{
		Name: s.name, Org: s.org, Host: s.ip, Port: s.port(),
		Listen: s.address(), ChaincodeListen: s.addr(portPeerChaincode),
		Admin: s.addr(portOrdererAdmin), Operations: s.addr(portOperations),
		Data: s.dataDir(), MSP: s.mspDir(),
		TLSCert: s.tlsCert(), TLSKey: s.tlsKey(), TLSCA: s.tlsCA(),
		Builder:   builderDir(l.dir),
		Snapshots: filepath.Join(s.dataDir(), "snapshots"), WAL: filepath.Join(s.dataDir(), "wal"),
	}
	for _, p := range ofOrg(l.nodes, KindPeer, s.org) {
		if p.name != s.name {
			c.Bootstrap = append(c.Bootstrap, p.address())
		}
	}
	if len(c.Bootstrap) == 0 {
		c.Bootstrap = []string{s.address()}
	}
	return c
}

// builderConfig tells the external builder of a peer where its organization's
// chaincode server is and which certificates to use.
func (l launch) builderConfig(s spec) (string, error) {
	servers := ofOrg(l.nodes, KindChaincode, s.org)
	if len(servers) != 1 {
		return "", fmt.Errorf("%s: its organization must have one chaincode server, has %d", s.name, len(servers))
	}
	b, err := json.Marshal(map[string]string{
		"address":    net.JoinHostPort(servers[0].ip, strconv.Itoa(portChaincode)),
		"clientCert": s.tlsCert(), "clientKey": s.tlsKey(), "rootCert": s.tlsCA(),
	})
	return string(b), err
}

func builderDir(dir string) string { return filepath.Join(dir, "builder") }

// installBuilder links the three steps of the external builder to the program.
func installBuilder(dir, program string) error {
	bin := filepath.Join(builderDir(dir), "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	for _, step := range []string{"detect", "build", "release"} {
		link := filepath.Join(bin, step)
		if have, err := os.Readlink(link); err == nil && have == program {
			continue
		}
		if err := os.RemoveAll(link); err != nil {
			return err
		}
		if err := os.Symlink(program, link); err != nil {
			return err
		}
	}
	return nil
}
