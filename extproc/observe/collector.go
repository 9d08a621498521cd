package observe

import "github.com/prometheus/client_golang/prometheus"

// collector reads all definitions from one snapshot, so that the numbers of a
// scrape fit together.
type collector struct {
	observer    *Observer
	definitions []definition
	described   []*prometheus.Desc
}

func newCollector(o *Observer) *collector {
	c := &collector{observer: o, definitions: definitions()}
	for _, d := range c.definitions {
		c.described = append(c.described, prometheus.NewDesc(prefix+d.name, d.help, d.labels, nil))
	}
	return c
}

// Describe lists the metrics.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.described {
		out <- d
	}
}

// Collect reads them.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	s := c.observer.status(false)
	for i, d := range c.definitions {
		d.read(&s, func(value float64, labels ...string) {
			metric, err := prometheus.NewConstMetric(c.described[i], d.kind.valueType(), value, labels...)
			if err != nil {
				metric = prometheus.NewInvalidMetric(c.described[i], err)
			}
			out <- metric
		})
	}
}
