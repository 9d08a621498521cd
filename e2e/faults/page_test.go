package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/e2e/harness"
)

// pageFile is where the table stands.
func pageFile() string { return filepath.Join(harness.Root(), "docs", "faults.md") }

// pageHead is what a reader has to know before the table.
const pageHead = `<!-- Written by go test ./faults -update in e2e, from what one run measured. Do not edit. -->

# Faults

Each row is a fault that ` + "`make e2e`" + ` causes while callers call, at about two hundred requests in a second: two tenants and a service
account, with tokens and client certificates, over HTTP/1.1 and HTTP/2, and beside them callers whose headers are bad: a header
twice, two credentials, none, an underscore in a name, a header that impersonates, a foreign host, a proof that was made for
others, a placeholder, plain HTTP. They call through two Envoys with the same guard: behind one stands the backend, behind the
other a *witness*, which asks for no proof and acts on whatever reaches it.

* **Requests** are all that were sent from a moment before the fault until a second after it in which nothing failed.
* **Served** requests got the caller's own name from the API server, or the witness's answer. **Refused** ones had bad headers and
  got the guard's reason.
* **Failed** ones got another answer, and the table says which. Every one of them is a JSON-RPC error with the code, status and
  headers of the [contract](contract.md); any other answer fails the test.
* **Acted on unchecked** counts calls of which the backend's audit lines or the API server's audit log know, and neither the guard's
  log nor what Envoy's access log holds of the guard's verdict, and requests that reached the witness without a proof, or from callers
  with bad headers. The tests also take Envoy's layer and the backend's away: with one of them gone the count stays 0, with both gone
  it rises.
* **Well again after** is how long after the fault's end the first second began in which every call that was sent went well. More
  than 2 s fails the test, but for connections that are lost for good, where the end is the moment of their loss.

`

// table is what this run measured, in Markdown.
func table() string {
	var out strings.Builder
	out.WriteString("| Fault | What has to happen | Requests | Served | Refused | Failed | Acted on unchecked | Well again after |\n")
	out.WriteString("| --- | --- | ---: | ---: | ---: | --- | ---: | ---: |\n")
	results.mu.Lock()
	defer results.mu.Unlock()
	for _, r := range results.all {
		failed := strconv.Itoa(r.counts.failed)
		if r.counts.failed > 0 {
			failed += ": " + r.told()
		}
		fmt.Fprintf(&out, "| %s | %s | %d | %d | %d | %s | %d | %.1f s |\n",
			r.name, r.expected, r.counts.requests(), r.counts.good, r.counts.rejected, failed, r.unchecked, r.recovery.Seconds())
	}
	return out.String()
}

// writePage writes the page, if every row was played.
func writePage() error {
	played := make([]string, 0, len(results.all))
	for _, r := range results.all {
		played = append(played, r.name)
	}
	if !slices.Equal(played, names()) {
		return errors.New("-update wants every row: run all tests of this package")
	}
	setting, err := setting()
	if err != nil {
		return err
	}
	return os.WriteFile(pageFile(), []byte(pageHead+table()+setting), 0o644)
}

// setting says where the numbers were measured.
func setting() (string, error) {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); found != nil {
			model = string(found[1])
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	newest, err := harness.EnvoyVersion(ctx, world.Binaries.Envoy)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("\nMeasured on %s with %d processors (%s), %s, Envoy %s (newest) and %s (oldest), Kubernetes v1.37.2, all on one machine.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), model, runtime.Version(), newest, oldest), nil
}

// names are those of all rows, in the order of the page.
func names() []string {
	all := slices.Concat(newestRows(nil), oldestRows(nil), tlsRows())
	out := make([]string, 0, len(all))
	for _, r := range all {
		out = append(out, r.name)
	}
	return out
}

// TestPageListsEveryFault: the page has the rows that the tests play. Its numbers
// are those of one run, and no test compares them.
func TestPageListsEveryFault(t *testing.T) {
	if *update {
		return // it is written when all tests have passed
	}
	text, err := os.ReadFile(pageFile())
	require.NoError(t, err)
	var listed []string
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			listed = append(listed, strings.TrimSpace(cells[1]))
		}
	}
	require.GreaterOrEqual(t, len(listed), 2)
	require.Equal(t, names(), listed[2:], "run go test ./faults -update in e2e")
}
