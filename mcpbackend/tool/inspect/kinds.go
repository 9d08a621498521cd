package inspect

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type apiResourcesIn struct {
	Search     string   `json:"search,omitempty" jsonschema:"part of a kind, plural, short name or group"`
	Namespaced *bool    `json:"namespaced,omitempty"`
	Verbs      []string `json:"verbs,omitempty" jsonschema:"only kinds that offer all of these"`
}

// APIResources is the structured part of api_resources. The kinds are in the
// text.
type APIResources struct {
	Count     int  `json:"count"`    // shown
	Total     int  `json:"total"`    // that match
	Complete  bool `json:"complete"` // false if a part of the API did not answer
	Truncated bool `json:"truncated,omitempty"`
}

// maxSearch bounds a search, in bytes; maxVerbs how many verbs are asked for.
const (
	maxSearch = 253
	maxVerbs  = 8
)

func apiResources() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "api_resources", Title: "List kinds",
		Description:  "Lists the kinds that the cluster serves, custom ones included, with short names and apiVersion.",
		OutputSchema: tool.Output[APIResources]("total", "complete"),
	}, tool.Options{Toolset: tool.Core, Adjust: func(p map[string]*jsonschema.Schema) {
		plain(p["namespaced"], "boolean")
		plain(p["verbs"], "array")
	}}, listKinds)
}

// plain takes null out of the types of an argument that is a pointer or a slice.
func plain(s *jsonschema.Schema, kind string) { s.Type, s.Types = kind, nil }

func listKinds(ctx context.Context, c *kube.Client, in apiResourcesIn) (string, APIResources, error) {
	if len(in.Search) > maxSearch || len(in.Verbs) > maxVerbs {
		return "", APIResources{}, answer.Mistake("search is at most %d bytes, and verbs are at most %d.", maxSearch, maxVerbs)
	}
	all, complete, err := c.Kinds(ctx)
	if err != nil {
		return "", APIResources{}, err
	}
	rows := matching(all, in)
	out := APIResources{Total: len(rows), Complete: complete}
	var lines []string
	lines, out.Count = kindLines(c, rows)
	out.Truncated = out.Count < out.Total
	if err := answer.Ended(ctx); err != nil {
		return "", APIResources{}, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d kinds%s\n", out.Total, filtered(in))
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	if out.Truncated {
		fmt.Fprintf(&b, "-- %d more were left out to keep the answer short; search for a part of the name. --\n", out.Total-out.Count)
	}
	if !complete {
		b.WriteString("-- incomplete: a part of the API did not answer, or there are more kinds than are read. --\n")
	}
	return b.String(), out, nil
}

func filtered(in apiResourcesIn) string {
	var by []string
	if in.Search != "" {
		by = append(by, fmt.Sprintf("match %q", answer.Quoted(in.Search)))
	}
	if in.Namespaced != nil && *in.Namespaced {
		by = append(by, "live in namespaces")
	} else if in.Namespaced != nil {
		by = append(by, "live in no namespace")
	}
	if len(in.Verbs) > 0 {
		by = append(by, "offer "+answer.Quoted(strings.Join(in.Verbs, ", ")))
	}
	if len(by) == 0 {
		return ""
	}
	return " that " + strings.Join(by, " and ")
}

// served is a kind of one group, with all of its versions.
type served struct {
	kube.Kind

	also []string // versions beside the preferred one
}

func matching(all []kube.Kind, in apiResourcesIn) []served {
	var rows []served
	seen := map[[3]string]int{}
	for _, k := range all {
		key := [3]string{k.Group, k.Kind, k.Resource}
		if i, ok := seen[key]; ok {
			rows[i].also = append(rows[i].also, k.Version)
			continue
		}
		if in.Namespaced != nil && *in.Namespaced != k.Namespaced || !matches(k, strings.ToLower(in.Search)) ||
			slices.ContainsFunc(in.Verbs, func(v string) bool { return !slices.Contains(k.Verbs(), v) }) {
			continue
		}
		seen[key] = len(rows)
		rows = append(rows, served{Kind: k})
	}
	return rows
}

func matches(k kube.Kind, search string) bool {
	return slices.ContainsFunc(append(k.ShortNames(), k.Kind, k.Resource, k.Singular(), k.Group), func(s string) bool {
		return strings.Contains(strings.ToLower(s), search)
	})
}

// kindLines are the lines of a table within budget, and how many kinds they show.
func kindLines(c *kube.Client, rows []served) (lines []string, shown int) {
	if len(rows) == 0 {
		return nil, 0
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 1, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "NAME\tSHORT\tAPIVERSION\tNAMESPACED\tKIND")
	for _, r := range rows {
		short := make([]string, 0, len(r.ShortNames()))
		for _, s := range r.ShortNames() {
			short = append(short, word(c, s))
		}
		version := r.APIVersion()
		if len(r.also) > 0 {
			version += " (also " + strings.Join(r.also[:min(len(r.also), 4)], ", ") + ")"
		}
		cells := []string{word(c, r.Resource), answer.Line(strings.Join(short, ","), maxShort), version, strconv.FormatBool(r.Namespaced), word(c, r.Kind.Kind)}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
	lines, cut := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"), answer.ListBudget
	for i, line := range lines { // a wide cell makes every line as wide
		if cut -= len(line) + 1; cut < 0 && i > 1 {
			return lines[:i], i - 1
		}
	}
	return lines, len(rows)
}

// maxShort bounds the short names of a kind, in bytes.
const maxShort = 40
