package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// watchMemory sends many requests through Envoy and looks how much memory the
// guard has after each second of them. Half of the seconds are of one of 32
// credentials in turn, half of requests that are rejected.
func watchMemory(ctx context.Context, s settings, into figures) error {
	dir, clean, err := workDir()
	if err != nil {
		return err
	}
	defer clean()
	binaries, err := harness.Find()
	if err != nil {
		return err
	}
	origin, address, err := startOrigin(ctx, dir)
	if err != nil {
		return err
	}
	defer origin.Stop()
	stack, err := harness.Start(ctx, harness.Options{Binaries: binaries, Dir: filepath.Join(dir, "m"), Backend: address, Policy: policy})
	if err != nil {
		return err
	}
	defer stack.Stop()
	at := strings.TrimSuffix(strings.TrimPrefix(stack.URL, "http://"), "/mcp")
	var sizes []float64 // MiB, after each second
	sent, tenth := 0, 0
	for n := 0; sent < s.requests; n++ {
		request, want := turn(n)
		got, err := load(ctx, at, request, want, 8, time.Second)
		if err != nil {
			return fmt.Errorf("memory: %w", err)
		}
		size, err := stack.Extproc.Memory()
		if err != nil {
			return err
		}
		sizes = append(sizes, float64(size)/(1<<20))
		if sent += got.count; sent <= s.requests/10 {
			tenth = len(sizes)
		}
	}
	if tenth == 0 || tenth == len(sizes) {
		return errors.New("memory: too few requests to compare a begin with an end")
	}
	// The median of the first tenth is of a guard that is warm; the last tenth is
	// as long.
	begin, end := median(sizes[tenth/2:tenth+1]), median(sizes[len(sizes)-tenth:])
	into["memory/requests"] = figure{float64(sent), "requests"}
	into["memory/begin"] = figure{begin, unitMiB}
	into["memory/end"] = figure{end, unitMiB}
	into["memory/growth"] = figure{end / begin, unitRatio}
	fmt.Printf("\n%d requests: the guard's resident memory was %.1f MiB in the first tenth of them, %.1f MiB in the last\n", sent, begin, end)
	return nil
}

// turn is the request of a second, and what its answers hold.
func turn(n int) (request []byte, want string) {
	headers := loadHeaders()
	if n%2 == 1 {
		return requestBytes(headers.Without(kubeheader.Authorization)), `"error"`
	}
	return requestBytes(headers.With(kubeheader.Authorization, fmt.Sprintf("Bearer %0200d", n/2%32))), `"result"`
}
