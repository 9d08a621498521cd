// Package observe is what the people who run the guard see of it: metrics, the
// last decisions, and a status page. It listens to the stream's events and asks
// the other rooms when somebody looks.
//
// # What cannot get out
//
// An event carries no header value. Of what a caller sends only four things
// arrive here, each of a known form: the reason, from a closed list; the header's
// name, from the contract; the decision id, a UUID; and the host, canonical, which
// the policy may have hashed or left out. Labels of metrics come from the first
// alone, so that no flood of odd requests can make a series.
package observe

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kubernetes-mcp-edge/extproc/stream"
	"kubernetes-mcp-edge/extproc/verdict"
)

// Config is where an Observer asks for what it does not hear. All functions are
// called for each scrape and each look at the status page, possibly at the same
// time, and must be fast. Nil ones leave out what they would say.
type Config struct {
	// Build is what this program was built from.
	Build Build
	// Policy is the policy in force.
	Policy func() Policy
	// Keys are the signing keys, oldest first.
	Keys func() Keys
	// TLS is the state of mutual TLS; nil when the port has none.
	TLS func() TLS
	// Cache is what the verdict cache says of itself.
	Cache func() verdict.Stats
	// Ready says why the guard should get no requests; nil means it may.
	Ready func() error
	// InsecureListen says that other machines reach the port without mutual TLS.
	InsecureListen bool
	// LogDropped is how many lines the log has lost.
	LogDropped func() uint64
	// SpansLost is how many spans reached no collector; nil without tracing.
	SpansLost func() uint64
	// Now is time.Now if nil.
	Now func() time.Time
}

// File is how reading one of the operator's files goes.
type File struct {
	// Loaded is when the content in use was taken over.
	Loaded time.Time `json:"loaded"`
	// Reloads counts the changes that were taken over since the start, and
	// Failures the reads that were of no use.
	Reloads  uint64 `json:"reloads"`
	Failures uint64 `json:"failures"`
	// Failing says that the last read failed: what is in use is the last good.
	Failing bool `json:"failing"`
}

// Policy is the policy in force.
type Policy struct {
	File

	// Digest tells policies apart: SHA-256 in hex.
	Digest string `json:"digest"`
	// Warnings are what is legal but cannot be meant.
	Warnings []string `json:"warnings"`
	// ShowHost puts a host into the form in which the policy wants it shown; nil
	// leaves it as it is.
	ShowHost func(host string) string `json:"-"`
}

// Keys are the signing keys.
type Keys struct {
	File

	// Keys are at most 16, oldest first.
	Keys []Key `json:"keys"`
}

// Key is what is public of a signing key.
type Key struct {
	// ID is the RFC 7638 thumbprint of the public key.
	ID string `json:"id"`
	// ActivateAt is when it begins to sign; zero: from the beginning.
	ActivateAt time.Time `json:"activateAt,omitzero"`
	// Active says that it signs now.
	Active bool `json:"active"`
}

// Observer counts what the stream reports. It is safe for concurrent use, keeps
// no goroutine and needs no Close.
type Observer struct {
	config   Config
	started  time.Time
	counts   counts
	took     [2]prometheus.Histogram // of decisions made, of decisions remembered
	recent   ring
	registry *prometheus.Registry
	policy   string // the Content-Security-Policy of the status page
}

var _ stream.Observer = (*Observer)(nil)

// New makes an observer with a registry of its own.
func New(config Config) (*Observer, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	style := sha256.Sum256([]byte(pageStyle))
	o := &Observer{
		config: config, started: config.Now(), registry: prometheus.NewRegistry(),
		took: [2]prometheus.Histogram{newHistogram("false"), newHistogram("true")},
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) +
			"'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	}
	for _, c := range []prometheus.Collector{
		newCollector(o), o.took[0], o.took[1],
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := o.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Metrics answers a scrape, in Prometheus' text format or, for native
// histograms, as protobuf.
func (o *Observer) Metrics() http.Handler {
	return promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}

// maxScrapes are answered at a time; more are told to come back (503).
const maxScrapes = 4
