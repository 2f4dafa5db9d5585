package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"domicile/chaincode/record"
)

// SettingsVersion is the version of the settings file this package reads.
const SettingsVersion = 1

// Defaults of [Timeouts].
const (
	DefaultEvaluateTimeout = 30 * time.Second
	DefaultEndorseTimeout  = 30 * time.Second
	DefaultSubmitTimeout   = 30 * time.Second
	DefaultCommitTimeout   = 60 * time.Second
)

// maxSettings is the largest settings file, in bytes.
const maxSettings = 1 << 20

// Settings says who the client is and which peers it may talk to. In a file it
// is YAML; an unknown key is an error. Relative paths are relative to the
// directory of the file.
//
// Environment variables override the file: DOMICILE_REGION, DOMICILE_ORG,
// DOMICILE_CHANNEL, DOMICILE_CHAINCODE, DOMICILE_CERTIFICATE, DOMICILE_KEY,
// DOMICILE_INDEX_KEY (a path), DOMICILE_EVALUATE_TIMEOUT,
// DOMICILE_ENDORSE_TIMEOUT, DOMICILE_SUBMIT_TIMEOUT and DOMICILE_COMMIT_TIMEOUT.
// Paths from the environment are relative to the working directory.
type Settings struct {
	// Version is [SettingsVersion].
	Version int `yaml:"version"`
	// Region is the policy region of the client's records.
	Region string `yaml:"region"`
	// Org is the client's organisation: its MSP id.
	Org string `yaml:"org"`
	// Role says for people which role the certificate has. The contract goes by
	// the certificate alone. Optional.
	Role string `yaml:"role,omitempty"`
	// Channel defaults to [record.DefaultChannel].
	Channel string `yaml:"channel,omitempty"`
	// Chaincode defaults to [record.DefaultChaincode].
	Chaincode string `yaml:"chaincode,omitempty"`
	// Identity is the client's certificate and private key.
	Identity IdentityFiles `yaml:"identity"`
	// IndexKey is the path of the region's index key: 32 bytes, raw or as 64
	// hex digits. Needed by Import and the token methods only.
	IndexKey string `yaml:"indexKey,omitempty"`
	// Peers are the gateway peers of the client's own region, in order of
	// preference. Private calls use those of Org alone.
	Peers []Peer `yaml:"peers"`
	// ProofPeers are peers of any region that may answer reads of public
	// proofs. Optional; Peers may answer them too.
	ProofPeers []Peer `yaml:"proofPeers,omitempty"`
	// Timeouts bound each stage of a call.
	Timeouts Timeouts `yaml:"timeouts,omitempty"`
}

// IdentityFiles are the paths of a PEM certificate and its PEM private key
// (PKCS #8 or SEC 1; ECDSA or Ed25519).
type IdentityFiles struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

// Peer is one gateway peer.
type Peer struct {
	Name string `yaml:"name"`
	// Region is needed for proof peers; for the others it is Settings.Region.
	Region string `yaml:"region,omitempty"`
	// Org is the MSP id of the peer's organisation.
	Org string `yaml:"org"`
	// Address is host:port.
	Address string `yaml:"address"`
	// TLSCA is the path of the PEM certificate of the CA that issued the
	// peer's TLS certificate.
	TLSCA string `yaml:"tlsCA"`
}

// Timeouts bound each stage of one attempt on one peer. Zero means the default:
// 30 s, and 60 s for Commit. The caller's context bounds the whole call.
type Timeouts struct {
	Evaluate time.Duration `yaml:"evaluate,omitempty"`
	Endorse  time.Duration `yaml:"endorse,omitempty"`
	Submit   time.Duration `yaml:"submit,omitempty"`
	// Commit bounds one question for the commit status. When it passes, the
	// envelope is sent again and the question repeated until the context ends.
	Commit time.Duration `yaml:"commit,omitempty"`
}

// LoadSettings reads a settings file, applies the environment, makes paths
// absolute and checks the result. Its errors have the code SETTINGS and name the
// file and the key.
func LoadSettings(path string) (*Settings, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, settingsError(path, errors.Unwrap(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err != nil {
		return nil, settingsError(path, err)
	}
	s, err := parseSettings(b)
	if err != nil {
		return nil, settingsError(path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, settingsError(path, err)
	}
	s.resolve(dir)
	if err := s.environ(os.LookupEnv); err != nil {
		return nil, settingsError("environment", err)
	}
	if err := s.Check(); err != nil {
		return nil, settingsError(path, err)
	}
	return s, nil
}

// parseSettings decodes one strict YAML document.
func parseSettings(b []byte) (*Settings, error) {
	if len(b) > maxSettings {
		return nil, fmt.Errorf("the file is over %d bytes", maxSettings)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	s := new(Settings)
	if err := d.Decode(s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one document")
	}
	return s, nil
}

// resolve makes the paths of a settings file absolute.
func (s *Settings) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&s.Identity.Certificate)
	abs(&s.Identity.Key)
	abs(&s.IndexKey)
	for i := range s.Peers {
		abs(&s.Peers[i].TLSCA)
	}
	for i := range s.ProofPeers {
		abs(&s.ProofPeers[i].TLSCA)
	}
}

// environ applies the overrides that lookup knows.
func (s *Settings) environ(lookup func(string) (string, bool)) error {
	for name, field := range map[string]*string{
		"DOMICILE_REGION": &s.Region, "DOMICILE_ORG": &s.Org,
		"DOMICILE_CHANNEL": &s.Channel, "DOMICILE_CHAINCODE": &s.Chaincode,
		"DOMICILE_CERTIFICATE": &s.Identity.Certificate, "DOMICILE_KEY": &s.Identity.Key,
		"DOMICILE_INDEX_KEY": &s.IndexKey,
	} {
		if v, ok := lookup(name); ok && v != "" {
			*field = v
		}
	}
	var errs []error
	for name, field := range map[string]*time.Duration{
		"DOMICILE_EVALUATE_TIMEOUT": &s.Timeouts.Evaluate, "DOMICILE_ENDORSE_TIMEOUT": &s.Timeouts.Endorse,
		"DOMICILE_SUBMIT_TIMEOUT": &s.Timeouts.Submit, "DOMICILE_COMMIT_TIMEOUT": &s.Timeouts.Commit,
	} {
		v, ok := lookup(name)
		if !ok || v == "" {
			continue
		}
		d, err := time.ParseDuration(v)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is not a duration such as 30s", name))
			continue
		}
		*field = d
	}
	return errors.Join(errs...)
}

// Check fills defaults and reports everything that is missing or wrong.
func (s *Settings) Check() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if s.Version != SettingsVersion {
		bad("version: is %d, this program reads %d", s.Version, SettingsVersion)
	}
	for key, v := range map[string]string{
		"region": s.Region, "org": s.Org,
		"identity.certificate": s.Identity.Certificate, "identity.key": s.Identity.Key,
	} {
		if v == "" {
			bad("%s: is missing", key)
		}
	}
	if s.Channel == "" {
		s.Channel = record.DefaultChannel
	}
	if s.Chaincode == "" {
		s.Chaincode = record.DefaultChaincode
	}
	own := false
	for i := range s.Peers {
		p := &s.Peers[i]
		if p.Region == "" {
			p.Region = s.Region
		}
		if p.Region != s.Region {
			bad("peers[%d].region: is %q, but peers must be of region %q; other regions' belong in proofPeers", i, p.Region, s.Region)
		}
		own = own || p.Org == s.Org
	}
	if !own {
		bad("peers: no gateway peer of organisation %q", s.Org)
	}
	checkPeers("peers", s.Peers, bad)
	checkPeers("proofPeers", s.ProofPeers, bad)
	s.Timeouts.check(bad)
	return errors.Join(errs...)
}

func checkPeers(key string, peers []Peer, bad func(string, ...any)) {
	names := make(map[string]bool, len(peers))
	for i, p := range peers {
		for field, v := range map[string]string{"name": p.Name, "org": p.Org, "address": p.Address, "tlsCA": p.TLSCA, "region": p.Region} {
			if v == "" {
				bad("%s[%d].%s: is missing", key, i, field)
			}
		}
		if p.Address != "" && !strings.Contains(p.Address, ":") {
			bad("%s[%d].address: is not host:port", key, i)
		}
		if names[p.Name] {
			bad("%s[%d].name: %q occurs twice", key, i, p.Name)
		}
		names[p.Name] = true
	}
}

func (t *Timeouts) check(bad func(string, ...any)) {
	for _, x := range []struct {
		key string
		d   *time.Duration
		def time.Duration
	}{
		{"evaluate", &t.Evaluate, DefaultEvaluateTimeout},
		{"endorse", &t.Endorse, DefaultEndorseTimeout},
		{"submit", &t.Submit, DefaultSubmitTimeout},
		{"commit", &t.Commit, DefaultCommitTimeout},
	} {
		if *x.d == 0 {
			*x.d = x.def
		}
		if *x.d < 0 {
			bad("timeouts.%s: is negative", x.key)
		}
	}
}

// settingsError gives an error the code SETTINGS. Settings hold no personal
// data, so the cause may be shown in full.
func settingsError(place string, cause error) error {
	return fmt.Errorf("%w\n%w", record.Fail(record.CodeSettings, place), cause)
}
