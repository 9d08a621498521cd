package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The ways to the same list.
const (
	raw     = "client-go"
	through = "mcp"
	// paced is client-go held to the rate of calls through MCP: an API server that
	// is asked less often spends more on each request, whoever asks.
	paced = "client-go, paced"
)

// namespaces is the call whose list client-go reads too.
const namespaces = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"namespaces_list","arguments":{}}}`

// compareReads loads both ways in turn at each number of callers.
func compareReads(ctx context.Context, s settings, into figures) error {
	dir, clean, err := workDir()
	if err != nil {
		return err
	}
	defer clean()
	w, err := startWay(ctx, dir, "limits: {guard: {drain: 500ms}}\n")
	defer w.close()
	if err != nil {
		return err
	}
	request := requestOf(w.headers, namespaces)
	processes := w.processes()
	for _, callers := range []int{1, 8, 64} {
		samples := map[string][]sample{}
		costs := map[string]map[string]float64{raw: {}, through: {}, paced: {}}
		pace := 0.0 // what the last round through MCP reached; 0 before it
		for round := range s.rounds + 1 {
			ways := []string{raw, through, paced}
			rand.Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] }) //nolint:gosec // an order, not a secret
			for _, name := range ways {
				before := spend(processes)
				got, err := w.load(ctx, name, request, callers, s.slice, pace)
				if err != nil {
					return fmt.Errorf("%s at %d callers: %w", name, callers, err)
				}
				if name == through {
					pace = got.rate
				}
				if round == 0 { // it warms up
					continue
				}
				samples[name] = append(samples[name], got)
				for process, us := range spend(processes) {
					costs[name][process] += us - before[process]
				}
			}
		}
		reportReads(callers, samples, into)
		reportCosts(callers, samples, costs, into)
	}
	if err := w.countRequests(ctx, request, into); err != nil {
		return err
	}
	return w.countCold(ctx, into)
}

// load asks for the list again and again in one way. pace is in requests/s and
// is that of the paced way, which goes unbridled as long as it is 0.
func (w *wayThere) load(ctx context.Context, name string, request []byte, callers int, slice time.Duration, pace float64) (sample, error) {
	if name == through {
		return load(ctx, w.address, request, `"structuredContent"`, callers, slice)
	}
	ctx, cancel := context.WithTimeout(ctx, slice+10*time.Second)
	defer cancel()
	slots := rate.NewLimiter(rate.Inf, 1)
	if name == paced && pace > 0 {
		slots.SetLimit(rate.Limit(pace))
	}
	latencies, errs := make([][]time.Duration, callers), make([]error, callers)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range callers {
		wg.Go(func() {
			for errs[i] == nil && time.Since(begin) < slice {
				if errs[i] = slots.Wait(ctx); errs[i] != nil {
					return
				}
				now := time.Now()
				errs[i] = w.list(ctx)
				latencies[i] = append(latencies[i], time.Since(now))
			}
		})
	}
	wg.Wait()
	return summarize(slices.Concat(latencies...), time.Since(begin)), errors.Join(errs...)
}

// reportReads prints one line per way and adds the figures.
func reportReads(callers int, samples map[string][]sample, into figures) {
	fmt.Printf("\nnamespaces_list, %d callers, medians of %d\n%-14s %10s %9s %9s\n", callers, len(samples[raw]), "way", "req/s", "p50 us", "p99 us")
	fields := map[string]func(sample) float64{
		"rate": func(s sample) float64 { return s.rate }, "p50": func(s sample) float64 { return s.p50 }, "p99": func(s sample) float64 { return s.p99 },
	}
	prefix := fmt.Sprintf("reads/%d/", callers)
	for _, name := range []string{raw, through} {
		for field, of := range fields {
			n := len(samples[name])
			values, ratios := make([]float64, 0, n), make([]float64, 0, n)
			for i, s := range samples[name] {
				values, ratios = append(values, of(s)), append(ratios, of(s)/of(samples[raw][i]))
			}
			unit := map[string]string{"rate": "requests/s", "p50": "us", "p99": "us"}[field]
			into[prefix+name+"/"+field] = figure{median(values), unit}
			if name == through {
				into[prefix+name+"/"+field+"-to-client-go"] = figure{median(ratios), unitRatio}
			}
		}
		fmt.Printf("%-14s %10.0f %9.0f %9.0f\n", name, into[prefix+name+"/rate"].Value, into[prefix+name+"/p50"].Value, into[prefix+name+"/p99"].Value)
	}
	fmt.Printf("of client-go: rate %.2f, p50 %.2f, p99 %.2f\n", into[prefix+through+"/rate-to-client-go"].Value,
		into[prefix+through+"/p50-to-client-go"].Value, into[prefix+through+"/p99-to-client-go"].Value)
}

// reportCosts prints where the processor's time of a call went.
func reportCosts(callers int, samples map[string][]sample, costs map[string]map[string]float64, into figures) {
	for _, name := range []string{raw, paced, through} {
		calls := 0
		for _, s := range samples[name] {
			calls += s.count
		}
		fmt.Printf("processor time of a call, %s:", name)
		for _, process := range slices.Sorted(maps.Keys(costs[name])) {
			us := costs[name][process] / float64(calls)
			into[fmt.Sprintf("reads/%d/%s/cpu/%s", callers, strings.ReplaceAll(name, ", ", "-"), process)] = figure{us, "us"}
			fmt.Printf(" %s %.0f", process, us)
		}
		fmt.Println(" us")
	}
}
