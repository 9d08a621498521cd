package resources

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// rulesBudget bounds the rules of a namespace in one answer, in bytes.
const rulesBudget = 8 << 10

// allowed are the rules of a namespace, a line each. Who the caller is stays
// true where they cannot be read.
func allowed(ctx context.Context, c *kube.Client, namespace string) (text string, shown int) {
	rules, err := c.Rules(ctx, namespace)
	if err != nil {
		return fmt.Sprintf("What the caller may do in namespace %s could not be read: %s\n", namespace, answer.Advise(err)), 0
	}
	lines := make([]string, 0, len(rules.Resource))
	for _, r := range rules.Resource {
		lines = append(lines, ruleLine(c, r))
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	var b strings.Builder
	fmt.Fprintf(&b, "May in namespace %s (verbs: resources):\n", namespace)
	for _, l := range lines {
		if b.Len()+len(l) > rulesBudget {
			break
		}
		b.WriteString(l)
		shown++
	}
	if left := len(lines) - shown; left > 0 {
		fmt.Fprintf(&b, "-- %d more rules were left out to keep the answer short. can_i asks about one. --\n", left)
	}
	if rules.Incomplete {
		b.WriteString("-- The server says that it cannot list all rules: more may be allowed. can_i asks about one. --\n")
	}
	return b.String(), shown
}

// ruleLine is one rule, as "get list: pods deployments.apps (only web)".
func ruleLine(c *kube.Client, r kube.ResourceRule) string {
	resources := make([]string, 0, len(r.Groups)*len(r.Resources))
	for _, group := range r.Groups {
		for _, name := range r.Resources {
			if group != "" {
				name += "." + group
			}
			resources = append(resources, name)
		}
	}
	line := "- " + words(c, r.Verbs) + ": " + words(c, resources)
	if len(r.Names) > 0 {
		line += " (only " + words(c, r.Names) + ")"
	}
	return line + "\n"
}

// mostWords bounds a list of words, and maxWords its bytes.
const (
	mostWords = 40
	maxWords  = 1000
)

func words(c *kube.Client, list []string) string {
	text := strings.Join(list[:min(len(list), mostWords)], " ")
	if len(list) > mostWords {
		text += " …"
	}
	return answer.Line(answer.Present(c, text), maxWords)
}
