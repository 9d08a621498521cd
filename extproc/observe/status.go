package observe

import (
	"math"
	"time"

	"kubernetes-mcp-edge/extproc/verdict"
)

// Status is all that there is to see, at one time: the page, its JSON form and
// the metrics are three views of it.
type Status struct {
	Time           time.Time `json:"time"`
	Started        time.Time `json:"started"`
	Build          Build     `json:"build"`
	Ready          bool      `json:"ready"`
	NotReady       string    `json:"notReady,omitempty"`
	InsecureListen bool      `json:"insecureListen"`
	Policy         *Policy   `json:"policy,omitempty"`
	SigningKeys    *Keys     `json:"signingKeys,omitempty"`
	TLS            *TLS      `json:"tls,omitempty"`
	Decisions      Decisions `json:"decisions"`
	Streams        Streams   `json:"streams"`
	Cache          Cache     `json:"cache"`
	// LogDropped is how many lines the log has lost.
	LogDropped uint64 `json:"logDropped"`
	// SpansLost is how many spans reached no collector; nil without tracing.
	SpansLost *uint64 `json:"spansLost,omitempty"`
	// Recent are the last decisions, newest first.
	Recent []Decision `json:"recent,omitempty"`
}

// TLS is the state of mutual TLS.
type TLS struct {
	File

	// NotAfter is when the first of the certificates in use ends.
	NotAfter time.Time `json:"notAfter"`
	// DaysLeft is how many whole days that is from the time of the Status, which
	// fills it in; negative once it has passed.
	DaysLeft int `json:"daysLeft"`
	// Refused counts clients whose name is not on the list.
	Refused uint64 `json:"refused"`
	// LastRefusal says who the last of them was.
	LastRefusal string `json:"lastRefusal,omitempty"`
}

// Decisions are counts since the start.
type Decisions struct {
	Allowed  uint64 `json:"allowed"`
	Rejected uint64 `json:"rejected"`
	// ByReason has a row for every reason that the guard can give.
	ByReason []ReasonCount `json:"byReason"`
	// Reported has a row for every reason that can be set to report.
	Reported []ReasonCount `json:"reported"`
}

// Streams are counts since the start, but for Open.
type Streams struct {
	Open     uint64 `json:"open"`
	Opened   uint64 `json:"opened"`
	Panics   uint64 `json:"panics"`
	Failures uint64 `json:"failures"`
	Crowded  uint64 `json:"crowded"`
}

// Cache is the verdict cache.
type Cache struct {
	Hits      uint64     `json:"hits"`
	Misses    uint64     `json:"misses"`
	Evictions []Eviction `json:"evictions"`
	Entries   int        `json:"entries"`
	Bytes     uint64     `json:"bytes"`
}

// Eviction is how many verdicts were dropped for a cause.
type Eviction struct {
	Cause string `json:"cause"`
	Count uint64 `json:"count"`
}

// Decision is one of the last.
type Decision struct {
	Time     time.Time `json:"time"`
	Decision string    `json:"decision"`
	Verdict  string    `json:"verdict"`
	Reason   string    `json:"reason,omitempty"`
	Header   string    `json:"header,omitempty"`
	// Problems is how many there were; the reason is the first one's.
	Problems int `json:"problems,omitempty"`
	// Reported are the first few of the rules that would have rejected it.
	Reported   []string `json:"reported,omitempty"`
	Credential string   `json:"credential,omitempty"`
	// Host is in the form that the policy wants.
	Host         string  `json:"host,omitempty"`
	Microseconds float64 `json:"microseconds"`
	Cached       bool    `json:"cached"`
}

// status looks at everything. The last decisions are for people alone.
func (o *Observer) status(recent bool) Status {
	c := o.config
	s := Status{
		Time: c.Now().UTC(), Started: o.started.UTC(), Build: c.Build, Ready: true, InsecureListen: c.InsecureListen,
		Decisions: Decisions{
			Allowed: o.counts.allowed.Load(), ByReason: o.counts.rejected.of(rejectable()), Reported: o.counts.reported.of(reportable()),
		},
		Streams: Streams{
			Open: o.counts.open(), Opened: o.counts.opened.Load(), Panics: o.counts.panics.Load(),
			Failures: o.counts.failures.Load(), Crowded: o.counts.crowded.Load(),
		},
	}
	for _, r := range s.Decisions.ByReason {
		s.Decisions.Rejected += r.Count
	}
	if c.Ready != nil {
		if err := c.Ready(); err != nil {
			s.Ready, s.NotReady = false, err.Error()
		}
	}
	if c.Policy != nil {
		p := c.Policy()
		s.Policy = &p
	}
	if c.Keys != nil {
		k := c.Keys()
		s.SigningKeys = &k
	}
	if c.TLS != nil {
		t := c.TLS()
		t.DaysLeft = int(math.Floor(t.NotAfter.Sub(s.Time).Hours() / 24))
		s.TLS = &t
	}
	if c.Cache != nil {
		s.Cache = cacheOf(c.Cache())
	}
	if c.LogDropped != nil {
		s.LogDropped = c.LogDropped()
	}
	if c.SpansLost != nil {
		lost := c.SpansLost()
		s.SpansLost = &lost
	}
	if recent {
		s.Recent = o.recentDecisions(s.Policy)
	}
	return s
}

func (o *Observer) recentDecisions(p *Policy) []Decision {
	last := o.recent.last()
	out := make([]Decision, len(last))
	for i, e := range last {
		d := Decision{
			Time: e.event.At.UTC(), Decision: e.event.Decision, Verdict: "allow", Header: e.event.Header, Problems: e.event.Problems,
			Credential: e.event.Credential, Host: e.event.Host,
			Microseconds: float64(e.event.Took.Nanoseconds()) / 1000, Cached: e.event.Cached,
		}
		if !e.event.Allowed {
			d.Verdict, d.Reason = "reject", e.event.Reason.String()
		}
		for _, r := range e.reported {
			if r != 0 {
				d.Reported = append(d.Reported, r.String())
			}
		}
		if p != nil && p.ShowHost != nil && d.Host != "" {
			d.Host = p.ShowHost(d.Host)
		}
		out[i] = d
	}
	return out
}

// named is a file with the word for it in metrics.
type named struct {
	File

	name string
}

func (s *Status) files() []named {
	var out []named
	if s.Policy != nil {
		out = append(out, named{s.Policy.File, "policy"})
	}
	if s.SigningKeys != nil {
		out = append(out, named{s.SigningKeys.File, "signing-key"})
	}
	if s.TLS != nil {
		out = append(out, named{s.TLS.File, "tls"})
	}
	return out
}

func (s *Status) keys() []Key {
	if s.SigningKeys == nil {
		return nil
	}
	return s.SigningKeys.Keys
}

// cacheOf names the causes, which are few and known.
func cacheOf(s verdict.Stats) Cache {
	return Cache{Hits: s.Hits, Misses: s.Misses, Entries: s.Entries, Bytes: s.Bytes, Evictions: []Eviction{
		{"expired", s.Evictions.Expired}, {"overflow", s.Evictions.Overflow},
		{"replaced", s.Evictions.Replaced}, {"forgotten", s.Evictions.Forgotten},
	}}
}
