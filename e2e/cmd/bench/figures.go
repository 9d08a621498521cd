package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
)

// figure is one measured value.
type figure struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// unitRatio is the unit of what is compared with something else of the same run.
const unitRatio = "ratio"

// unitMiB is the unit of memory.
const unitMiB = "MiB"

// figures are what latest.json holds, by name.
type figures map[string]figure

// write stores the figures, names in order, in one step.
func (f figures) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Printf("\nwritten to %s\n", path)
	return os.Rename(path+".tmp", path)
}

// about is where and with what a run was made.
type about [][2]string

// describe asks the machine and the programs.
func describe(ctx context.Context) (about, error) {
	binaries, err := harness.Find()
	if err != nil {
		return nil, err
	}
	version, err := harness.EnvoyVersion(ctx, binaries.Envoy)
	if err != nil {
		return nil, err
	}
	return about{
		{"date", time.Now().UTC().Format(time.DateOnly)},
		{"processor", cpuModel()},
		{"cores", strconv.Itoa(runtime.NumCPU())},
		{"go", runtime.Version()},
		{"envoy", version},
	}, nil
}

// writeCSV stores the figures, names in order, after what the run was made with.
func (f figures) writeCSV(path string, about about) error {
	rows := make([][]string, 0, 1+len(about)+len(f))
	rows = append(rows, []string{"name", "value", "unit"})
	for _, a := range about {
		rows = append(rows, []string{a[0], a[1], ""})
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		rows = append(rows, []string{name, strconv.FormatFloat(f[name].Value, 'g', 5, 64), f[name].Unit})
	}
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(rows); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(path+".tmp", out.Bytes(), 0o600); err != nil {
		return err
	}
	fmt.Printf("written to %s\n", path)
	return os.Rename(path+".tmp", path)
}

// median is the middle value, or the mean of the two middle ones; 0 of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// cpuModel is what Linux says about the processor.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "processor unknown"
	}
	match := regexp.MustCompile(`model name\s*:\s*(.*)`).FindSubmatch(text)
	if match == nil {
		return "processor unknown"
	}
	return string(match[1])
}
