package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// figure is one measured value.
type figure struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

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
