package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
)

// climb loads every rung at each number of connections. A round loads all rungs
// one after the other, in random order, for one slice each; ratios are taken
// within a round, so that they hold although the machine's speed drifts.
func climb(ctx context.Context, s settings, into figures) error {
	dir, clean, err := workDir()
	if err != nil {
		return err
	}
	defer clean()
	rungs, stop, err := startRungs(ctx, dir)
	defer stop()
	if err != nil {
		return err
	}
	request := requestBytes(loadHeaders())
	for _, connections := range []int{1, 8, 64} {
		samples := map[string][]sample{}
		for round := range s.rounds + 1 {
			for _, i := range rand.Perm(len(rungs)) { //nolint:gosec // an order, not a secret
				got, err := load(ctx, rungs[i].address, request, `"result"`, connections, s.slice)
				if err != nil {
					return fmt.Errorf("%s at %d connections: %w", rungs[i].name, connections, err)
				}
				if round > 0 { // the first round warms up
					samples[rungs[i].name] = append(samples[rungs[i].name], got)
				}
			}
		}
		report(connections, rungs, samples, into)
	}
	return nil
}

// sample is what one slice gave.
type sample struct {
	count    int
	rate     float64 // requests per second
	p50, p99 float64 // microseconds
}

// load keeps so many connections busy for a while, each with one request at a
// time, and fails when any answer is not a 200 that holds want.
func load(ctx context.Context, address string, request []byte, want string, connections int, slice time.Duration) (sample, error) {
	ctx, cancel := context.WithTimeout(ctx, slice+10*time.Second)
	defer cancel()
	latencies := make([][]time.Duration, connections)
	errs := make([]error, connections)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range connections {
		wg.Go(func() { latencies[i], errs[i] = drive(ctx, address, request, want, begin.Add(slice)) })
	}
	wg.Wait()
	took := time.Since(begin)
	if err := errors.Join(errs...); err != nil {
		return sample{}, err
	}
	return summarize(slices.Concat(latencies...), took), nil
}

// summarize makes a sample of latencies, of which there is at least one.
func summarize(all []time.Duration, took time.Duration) sample {
	slices.Sort(all)
	at := func(q float64) float64 { return float64(all[int(q*float64(len(all)-1))]) / float64(time.Microsecond) }
	return sample{count: len(all), rate: float64(len(all)) / took.Seconds(), p50: at(0.50), p99: at(0.99)}
}

// drive sends one request after the other on a connection of its own. It does
// little more than copy bytes: the load must not be what is measured.
func drive(ctx context.Context, address string, request []byte, want string, end time.Time) ([]time.Duration, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	r := bufio.NewReader(c)
	latencies := make([]time.Duration, 0, 1<<14)
	for now := time.Now(); now.Before(end); {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			return nil, err
		}
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			return nil, fmt.Errorf("answered %d: %s", res.StatusCode, body)
		}
		done := time.Now()
		latencies = append(latencies, done.Sub(now))
		now = done
	}
	return latencies, nil
}

// requestBytes is the request as it goes over the wire.
func requestBytes(headers harness.Headers) []byte {
	return requestOf(headers, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`)
}

// requestOf is a request with any body.
func requestOf(headers harness.Headers, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "POST /mcp HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	for _, h := range headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

// report prints one table and adds its figures.
func report(connections int, rungs []*rung, samples map[string][]sample, into figures) {
	fmt.Printf("\n%d connections, medians of %d\n%-14s %10s %9s %9s %12s %12s\n", connections, len(samples[alone]),
		"rung", "req/s", "p50 us", "p99 us", "/ noop rate", "/ noop p99")
	pick := func(name string, f func(sample) float64) []float64 {
		out := make([]float64, 0, len(samples[name]))
		for _, s := range samples[name] {
			out = append(out, f(s))
		}
		return out
	}
	ratio := func(name string, f func(sample) float64) float64 {
		over, under := pick(name, f), pick(noopEmpty, f)
		for i := range over {
			over[i] /= under[i]
		}
		return median(over)
	}
	rate, p50, p99 := func(s sample) float64 { return s.rate }, func(s sample) float64 { return s.p50 }, func(s sample) float64 { return s.p99 }
	for _, r := range rungs {
		prefix := fmt.Sprintf("ladder/%d/%s/", connections, r.name)
		into[prefix+"rate"] = figure{median(pick(r.name, rate)), "requests/s"}
		into[prefix+"p50"] = figure{median(pick(r.name, p50)), "us"}
		into[prefix+"p99"] = figure{median(pick(r.name, p99)), "us"}
		into[prefix+"rate-to-noop-empty"] = figure{ratio(r.name, rate), unitRatio}
		into[prefix+"p99-to-noop-empty"] = figure{ratio(r.name, p99), unitRatio}
		fmt.Printf("%-14s %10.0f %9.0f %9.0f %12.3f %12.3f\n", r.name, into[prefix+"rate"].Value, into[prefix+"p50"].Value,
			into[prefix+"p99"].Value, into[prefix+"rate-to-noop-empty"].Value, into[prefix+"p99-to-noop-empty"].Value)
	}
}
