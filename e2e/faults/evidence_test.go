package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// evidence is what the parts of the edge wrote down about a row, by decision id,
// each on its own: none of them reads what another wrote.
type evidence struct {
	// checked are the decisions that the guard says it let through, by its own log
	// or by Envoy's.
	checked map[string]bool
	// acted are those for which the backend called a tool, or for which a request
	// of the backend's reached the API server.
	acted map[string]bool
	// audited are those for which a request reached the API server.
	audited map[string]bool
}

// unchecked is how many decisions were acted on that the guard knows nothing of.
func (e evidence) unchecked() int {
	n := 0
	for decision := range e.acted {
		if !e.checked[decision] {
			n++
		}
	}
	return n
}

// bookmark is where the log files ended at a moment.
type bookmark struct {
	lab     *lab
	offsets map[string]int64
}

func (l *lab) guardLog() string   { return filepath.Join(l.dir, "extproc.log") }
func (l *lab) fakeLog() string    { return filepath.Join(l.dir, "fake.log") }
func (l *lab) backendLog() string { return filepath.Join(l.dir, "mcpbackend.log") }

// bookmark remembers the ends of all files.
func (l *lab) bookmark(t *testing.T) bookmark {
	t.Helper()
	b := bookmark{l, map[string]int64{}}
	for _, file := range []string{l.guardLog(), l.fakeLog(), l.backendLog(), auditLog(), l.real.AccessLogFile()} {
		if info, err := os.Stat(file); err == nil {
			b.offsets[file] = info.Size()
		}
	}
	return b
}

// since is what was added to a file.
func (b bookmark) since(t *testing.T, file string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	_, err = f.Seek(b.offsets[file], io.SeekStart)
	require.NoError(t, err)
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	return text
}

// line is what the evidence needs of a log line of any part.
type line struct {
	Message   string `json:"msg"`
	Decision  string `json:"decision"`
	Verdict   string `json:"verdict"`
	UserAgent string `json:"userAgent"`
}

// decisionOf finds the id in the User-Agent of the backend's requests.
var decisionOf = regexp.MustCompile(`\(decision ([0-9a-f-]{36})\)`)

// lines reads the JSON lines of a text; others are skipped.
func lines(text []byte) []line {
	var out []line
	scanner := bufio.NewScanner(bytes.NewReader(text))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var l line
		if json.Unmarshal(scanner.Bytes(), &l) == nil {
			out = append(out, l)
		}
	}
	return out
}

// evidence collects what was written since. The guard's word is in its log, and
// in what Envoy's access log says that the guard said. Both are written some time
// after the answer, and what a guard that is killed had still to write is lost:
// what neither knows after a while is unchecked.
func (b bookmark) evidence(t *testing.T) evidence {
	t.Helper()
	e := evidence{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, l := range lines(b.since(t, b.lab.backendLog())) {
		if l.Message == "tool call" {
			e.acted[l.Decision] = true
		}
	}
	for _, l := range lines(b.since(t, auditLog())) {
		if found := decisionOf.FindStringSubmatch(l.UserAgent); found != nil {
			e.acted[found[1]], e.audited[found[1]] = true, true
		}
	}
	const written = 3 * time.Second // Envoy writes ten times in a second
	ctx, cancel := context.WithTimeout(t.Context(), written)
	defer cancel()
	_ = harness.Until(ctx, func(context.Context) error {
		for _, file := range []string{b.lab.guardLog(), b.lab.fakeLog(), b.lab.real.AccessLogFile()} {
			for _, l := range lines(b.since(t, file)) {
				if l.Message == "request allowed" || l.Verdict == "allow" {
					e.checked[l.Decision] = true
				}
			}
		}
		if n := e.unchecked(); n > 0 {
			return fmt.Errorf("%d decisions", n)
		}
		return nil
	}) // the caller looks at what is left
	return e
}
