package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"go.yaml.in/yaml/v3"

	"domicile/chaincode/record"
	"domicile/purge"
)

// ConfigVersion is the schema version of a [Config].
const ConfigVersion = 1

// ErrOff says that a configuration has no schedule, so that nothing is ever purged.
var ErrOff = errors.New("purging is off: the configuration has no schedule")

// Config is the settings file of a purge service.
type Config struct {
	// Version is [ConfigVersion]. Required.
	Version int `yaml:"version"`
	// Schedule holds the starts as cron expressions of five fields (minute, hour,
	// day of month, month, day of week) or @daily and its like, in Zone. Without
	// any the service refuses to run. A start in the hour that the clocks skip is
	// made right after it; one in the hour that they repeat is made once.
	Schedule []string `yaml:"schedule"`
	// Zone is the IANA time zone of schedule, windows and due dates. Default UTC.
	Zone string `yaml:"zone"`
	// Windows are the times in which a run may work; it ends with the window. A
	// start outside is skipped. Default: always.
	Windows []Window `yaml:"windows"`
	// MaxDuration ends a run that takes longer. Default 0: it may take as long as
	// it needs.
	MaxDuration time.Duration `yaml:"maxDuration"`
	// Jitter is the most that a start is put off, at random, so that several
	// services do not start together. Default 0.
	Jitter time.Duration `yaml:"jitter"`
	// GraceDays is how many days a record must have been due. Default 0.
	GraceDays int `yaml:"graceDays"`
	// HoldBackDays is how many days more it may wait for others that fill up its
	// batch. Default 0. See [purge.Options].
	HoldBackDays int `yaml:"holdBackDays"`
	// Batch is how many records a purge names. Default [purge.DefaultBatchRecords].
	Batch int `yaml:"batch"`
	// SweepBytes bounds the write sets that one purge touches. Default
	// [purge.DefaultSweepBytes].
	SweepBytes int64 `yaml:"sweepBytes"`
	// Share is the share of its time that a run works. Default
	// [purge.DefaultShare].
	Share float64 `yaml:"share"`
	// Limit is the most records that one run purges. Default 0: no limit.
	Limit int `yaml:"limit"`
	// Collections to work on. Default: all that the organisation holds.
	Collections []string  `yaml:"collections"`
	Heartbeat   Heartbeat `yaml:"heartbeat"`
	// Evidence names files that other commands write and the service shows.
	Evidence Files `yaml:"evidence"`
	// Observe is how often the service looks at backlog and peers between runs,
	// for its metrics. Default 5 min.
	Observe time.Duration `yaml:"observe"`
	// Listen is the address of metrics and health. Default 127.0.0.1:9464.
	Listen string `yaml:"listen"`
	// TLS, when set, protects that address.
	TLS *TLS `yaml:"tls"`
}

// Heartbeat says how the service keeps an idle channel moving.
type Heartbeat struct {
	// Idle is after how long without a block a heartbeat is sent. Default 30 min;
	// negative: never.
	Idle time.Duration `yaml:"idle"`
	// PurgeInterval is the peers' ledger.pvtdataStore.purgeInterval, in blocks:
	// after a run, heartbeats are sent until such a block has passed. Default 1.
	PurgeInterval uint64 `yaml:"purgeInterval"`
}

// Files are where other commands leave what they did to the peers' disks. A file that
// is not there says nothing.
type Files struct {
	// Scrubs are state files of domicile purge scrub.
	Scrubs []string `yaml:"scrubs"`
	// Attestations are files of domicile purge attest. Their signatures are not
	// checked: they are shown, and nothing rests on them.
	Attestations []string `yaml:"attestations"`
}

// TLS names PEM files. With ClientCA, callers need a certificate of it.
type TLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	ClientCA    string `yaml:"clientCA"`
}

// ParseConfig reads a configuration and fills in defaults. It is strict: an unknown
// key, an unknown version or a value that makes no sense is an error with the code
// SETTINGS that names the key. A missing schedule is no error here; see [ErrOff].
func ParseConfig(data []byte) (*Config, error) {
	c := &Config{}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		return nil, settings(err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, settings(errors.New("more than one document"))
	}
	if err := c.check(); err != nil {
		return nil, settings(err)
	}
	c.defaults()
	return c, nil
}

func settings(err error) error {
	return fmt.Errorf("%w: %w", record.Fail(record.CodeSettings, "configuration of the purge service"), err)
}

func (c *Config) defaults() {
	if c.Batch == 0 {
		c.Batch = purge.DefaultBatchRecords
	}
	if c.SweepBytes == 0 {
		c.SweepBytes = purge.DefaultSweepBytes
	}
	if c.Share == 0 {
		c.Share = purge.DefaultShare
	}
	if c.Heartbeat.Idle == 0 {
		c.Heartbeat.Idle = 30 * time.Minute
	}
	if c.Heartbeat.PurgeInterval == 0 {
		c.Heartbeat.PurgeInterval = 1
	}
	if c.Observe == 0 {
		c.Observe = 5 * time.Minute
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:9464"
	}
}

// maxDays bounds GraceDays and HoldBackDays: ten years.
const maxDays = 3660

func (c *Config) check() error {
	if c.Version != ConfigVersion {
		return fmt.Errorf("version: %d is not known, want %d", c.Version, ConfigVersion)
	}
	for _, n := range []struct {
		key       string
		have, max int64
	}{
		{"maxDuration", int64(c.MaxDuration), int64(7 * 24 * time.Hour)},
		{"jitter", int64(c.Jitter), int64(24 * time.Hour)},
		{"graceDays", int64(c.GraceDays), maxDays},
		{"holdBackDays", int64(c.HoldBackDays), maxDays},
		{"batch", int64(c.Batch), record.MaxRecords},
		{"sweepBytes", c.SweepBytes, purge.DefaultSweepBytes},
		{"limit", int64(c.Limit), 1 << 40},
		{"observe", int64(c.Observe), int64(24 * time.Hour)},
		{"schedule", int64(len(c.Schedule)), 100},
		{"windows", int64(len(c.Windows)), 100},
		{"heartbeat.purgeInterval", int64(c.Heartbeat.PurgeInterval), 1000},
	} {
		if n.have < 0 || n.have > n.max {
			return fmt.Errorf("%s: out of range, at most %d", n.key, n.max)
		}
	}
	if !(c.Share >= 0 && c.Share <= 1) {
		return errors.New("share: above 0 and at most 1")
	}
	if c.Observe != 0 && c.Observe < time.Second {
		return errors.New("observe: at least 1s")
	}
	if c.Heartbeat.Idle > 0 && c.Heartbeat.Idle < time.Second {
		return errors.New("heartbeat.idle: at least 1s")
	}
	if c.TLS != nil && (c.TLS.Certificate == "" || c.TLS.Key == "") {
		return errors.New("tls: certificate and key are both needed")
	}
	if c.Listen != "" {
		if _, _, err := net.SplitHostPort(c.Listen); err != nil {
			return errors.New("listen: not host:port")
		}
	}
	_, err := c.calendar()
	return err
}

// calendar compiles what says when to run.
func (c *Config) calendar() (*calendar, error) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return nil, errors.New("zone: not an IANA time zone, such as Europe/Berlin")
	}
	k := &calendar{zone: zone}
	for i, expr := range c.Schedule {
		s, err := parseCron(expr)
		if err != nil {
			return nil, fmt.Errorf("schedule[%d]: %w", i, err)
		}
		k.starts = append(k.starts, s)
	}
	for i, w := range c.Windows {
		x, err := w.compile()
		if err != nil {
			return nil, fmt.Errorf("windows[%d]: %w", i, err)
		}
		k.windows = append(k.windows, x)
	}
	return k, nil
}
