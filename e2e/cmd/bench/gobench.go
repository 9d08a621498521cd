package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"kubernetes-mcp-edge/e2e/harness"
)

// goBenchmarks runs the benchmarks of the packages on the hot path and takes
// the median of each unit.
func goBenchmarks(ctx context.Context, s settings, into figures) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem",
		"-benchtime", s.goTime, "-count", strconv.Itoa(s.goCount),
		"./extproc/kubeheader", "./extproc/proof", "./extproc/verdict", "./extproc/stream", "./extproc/observe")
	cmd.Dir = harness.Root()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("go test -bench: %w: %s", err, out)
	}
	values := map[string]map[string][]float64{}
	reader := benchfmt.NewReader(bytes.NewReader(out), "go test")
	for reader.Scan() {
		result, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		pkg := result.GetConfig("pkg")
		name := pkg[strings.LastIndexByte(pkg, '/')+1:] + "/" + trimProcs(string(result.Name))
		if values[name] == nil {
			values[name] = map[string][]float64{}
		}
		for _, v := range result.Values {
			values[name][v.Unit] = append(values[name][v.Unit], v.Value)
		}
	}
	if err := reader.Err(); err != nil {
		return err
	}
	if len(values) == 0 {
		return errors.New("go test -bench printed no result")
	}
	fmt.Printf("\n%-46s %12s %12s\n", "benchmark (median of "+strconv.Itoa(s.goCount)+")", "time/op", "allocs/op")
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		seconds, allocs := median(values[name]["sec/op"]), median(values[name]["allocs/op"])
		into["go/"+name+"/time"] = figure{seconds * 1e9, "ns/op"}
		into["go/"+name+"/allocs"] = figure{allocs, "allocs/op"}
		fmt.Printf("%-46s %9.2f us %12.0f\n", name, seconds*1e6, allocs)
	}
	return nil
}

// trimProcs takes the GOMAXPROCS suffix off: it is in the header line.
func trimProcs(name string) string {
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i]
		}
	}
	return name
}
