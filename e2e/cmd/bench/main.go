// Command bench is make bench: the Go benchmarks of the hot paths, and the
// ladder, which loads a real Envoy with nothing behind it but an origin that
// answers at once, then with ext_proc servers that do ever more. Everything
// stays on loopback and ends by itself. The figures of one run are printed and
// written to latest.json and latest.csv.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"kubernetes-mcp-edge/e2e/harness"
)

func main() {
	runtime.LockOSThread() // children die with the thread that started them
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	rounds      int
	slice       time.Duration
	goCount     int
	goTime      string
	out         string
	csv         string
	ladder      bool
	reads       bool
	credentials bool
	requests    int
	goBenchs    bool
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case noopCommand:
			return serveNoop(ctx, args[1:])
		case originCommand:
			return serveOrigin(ctx, args[1:])
		}
	}
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&s.rounds, "rounds", 11, "paired rounds of the ladder; the median is reported")
	flags.DurationVar(&s.slice, "slice", time.Second, "how long each rung is loaded in a round")
	flags.IntVar(&s.goCount, "count", 5, "runs of each Go benchmark; the median is reported")
	flags.StringVar(&s.goTime, "benchtime", "300ms", "length of one run of a Go benchmark")
	flags.StringVar(&s.out, "out", filepath.Join(harness.Root(), ".cache", "bench", "latest.json"), "where the figures go")
	flags.StringVar(&s.csv, "csv", filepath.Join(harness.Root(), ".cache", "bench", "latest.csv"), "where the figures go as CSV, with the machine and the versions")
	flags.IntVar(&s.requests, "requests", 1_000_000, "how many requests the guard's memory is watched over; 0 for none")
	flags.BoolVar(&s.ladder, "ladder", true, "climb the ladder")
	flags.BoolVar(&s.reads, "reads", true, "compare tools/call through the whole stack with client-go")
	flags.BoolVar(&s.credentials, "credentials", true, "watch the backend's memory over 10,000 credentials")
	flags.BoolVar(&s.goBenchs, "go", true, "run the Go benchmarks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	figures := figures{}
	fmt.Printf("%s, %d cores, %s\n", runtime.Version(), runtime.NumCPU(), cpuModel())
	if s.goBenchs {
		if err := goBenchmarks(ctx, s, figures); err != nil {
			return err
		}
	}
	if s.ladder {
		if err := climb(ctx, s, figures); err != nil {
			return err
		}
	}
	if s.reads {
		if err := compareReads(ctx, s, figures); err != nil {
			return err
		}
	}
	if s.credentials {
		if err := watchCredentials(ctx, figures); err != nil {
			return err
		}
	}
	if s.requests > 0 {
		if err := watchMemory(ctx, s, figures); err != nil {
			return err
		}
	}
	if err := figures.write(s.out); err != nil {
		return err
	}
	about, err := describe(ctx)
	if err != nil {
		return err
	}
	return figures.writeCSV(s.csv, about)
}
