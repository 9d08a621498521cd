package server

import (
	"context"
	"errors"
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kubernetes-mcp-edge/extproc/admin"
)

// prefix begins the name of every metric of the backend's own. They have the
// names of the guard's where they mean the same.
const prefix = "kube_backend_"

// fileLabel is the label that names a followed file.
const fileLabel = "file"

// metric is one of them: its name, labels and meaning, and how it is read.
type metric struct {
	name   string
	kind   prometheus.ValueType
	labels []string
	help   string
	read   func(b *backend, give func(value float64, labels ...string))
}

// metrics lists those that are read when somebody asks, in the order of the docs;
// keptMetrics has the others. No label has a value from a request.
func metrics() []metric {
	return slices.Concat(stateMetrics(), fileMetrics(), clientMetrics())
}

func stateMetrics() []metric {
	return []metric{
		{
			"ready", prometheus.GaugeValue, nil, "1 if the backend takes requests, 0 while it drains.",
			func(b *backend, give func(float64, ...string)) { give(number(b.ready() == nil)) },
		},
		{
			"insecure_listen", prometheus.GaugeValue, nil, "1 if --insecure-listen opened the port to other machines without mutual TLS.",
			func(b *backend, give func(float64, ...string)) { give(number(b.options.InsecureListen)) },
		},
		{
			"build_info", prometheus.GaugeValue, []string{"version", "revision", "go_version"}, "Always 1; the labels say what the program was built from.",
			func(b *backend, give func(float64, ...string)) {
				give(1, b.options.Version, b.options.Revision, runtime.Version())
			},
		},
		{
			"policy_info", prometheus.GaugeValue, []string{"digest"}, "Always 1; the label is the SHA-256 of the policy in force, to be compared with the guard's.",
			func(b *backend, give func(float64, ...string)) { give(1, b.policy.Current().Digest) },
		},
		{
			"key_info", prometheus.GaugeValue, []string{"key_id"}, "1 for each of the guard's keys whose signatures are accepted.",
			func(b *backend, give func(float64, ...string)) {
				for _, id := range b.keys.IDs() {
					give(1, id)
				}
			},
		},
		{
			"tls_not_after_timestamp_seconds", prometheus.GaugeValue, nil, "When the first of the certificates in use ends, as Unix time; absent without mutual TLS.",
			func(b *backend, give func(float64, ...string)) {
				if b.identity != nil {
					give(float64(b.identity.Status().NotAfter.Unix()))
				}
			},
		},
		{
			"tls_refused_total", prometheus.CounterValue, nil, "Clients refused although their certificate was good, because their name is not on the list; absent without mutual TLS.",
			func(b *backend, give func(float64, ...string)) {
				if b.identity != nil {
					give(float64(b.identity.Status().Refused))
				}
			},
		},
	}
}

func fileMetrics() []metric {
	return []metric{
		{
			"reloads_total", prometheus.CounterValue, []string{fileLabel, "result"},
			"Reads of a file after a change, by file (policy, keys, tls) and result (success, failure). A failure is counted at each try until the file is mended.",
			func(b *backend, give func(float64, ...string)) {
				for _, f := range b.files {
					s := f.state()
					give(float64(s.reloads), f.name, "success")
					give(float64(s.failures), f.name, "failure")
				}
			},
		},
		{
			"last_reload_successful", prometheus.GaugeValue, []string{fileLabel}, "1 if the file's last read was of use, 0 while the last good content stays in force.",
			func(b *backend, give func(float64, ...string)) {
				for _, f := range b.files {
					give(number(!f.state().failing), f.name)
				}
			},
		},
		{
			"loaded_timestamp_seconds", prometheus.GaugeValue, []string{fileLabel}, "When the content in force was read, as Unix time.",
			func(b *backend, give func(float64, ...string)) {
				for _, f := range b.files {
					give(float64(f.state().loaded.Unix()), f.name)
				}
			},
		},
	}
}

func clientMetrics() []metric {
	return []metric{
		{
			"client_lookups_total", prometheus.CounterValue, []string{"result"},
			"Looks for the client of a caller's API server, by result: hit if it was kept from an earlier call, miss if it was made.",
			func(b *backend, give func(float64, ...string)) {
				s := b.clients.Stats()
				give(float64(s.Hits), "hit")
				give(float64(s.Misses), "miss")
			},
		},
		{
			"clients", prometheus.GaugeValue, nil, "Clients that are kept because their API server has answered to their credential.",
			func(b *backend, give func(float64, ...string)) { give(float64(b.clients.Stats().Entries)) },
		},
		{
			"client_bytes", prometheus.GaugeValue, nil, "What those hold, an estimate.",
			func(b *backend, give func(float64, ...string)) { give(float64(b.clients.Stats().Bytes)) },
		},
		{
			"client_evictions_total", prometheus.CounterValue, []string{"cause"},
			"Clients that were let go, by cause: size (the pool is full), idle, age, credential (it ended), auth-failure, tls-failure, policy (it or the keys changed), unproven (pushed out before an answer).",
			func(b *backend, give func(float64, ...string)) {
				for cause, n := range b.clients.Stats().Evictions {
					give(float64(n), cause.String())
				}
			},
		},
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// collector reads the metrics when they are asked for.
type collector struct{ backend *backend }

// Describe says nothing: what is read is described as it comes.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads every metric.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, m := range metrics() {
		described := prometheus.NewDesc(prefix+m.name, m.help, m.labels, nil)
		m.read(c.backend, func(value float64, labels ...string) {
			read, err := prometheus.NewConstMetric(described, m.kind, value, labels...)
			if err != nil {
				read = prometheus.NewInvalidMetric(described, err)
			}
			out <- read
		})
	}
}

// startAdmin opens the admin listener.
func (b *backend) startAdmin(ctx context.Context) (*admin.Server, error) {
	registry := prometheus.NewRegistry()
	for _, c := range append(b.counts.collectors(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collector{b}) {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return admin.Start(ctx, admin.Config{
		Address: b.options.Admin, Ready: b.ready, Log: b.options.Log,
		Metrics: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	})
}

// ready says why the backend should get no requests now.
func (b *backend) ready() error {
	if b.handler.draining.Load() {
		return errors.New("draining")
	}
	return nil
}
