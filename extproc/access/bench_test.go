package access

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkCheck judges a request that no rule matches: by a few rules as people
// write them, and by as many and as long ones as New takes.
func BenchmarkCheck(b *testing.B) {
	few := Config{Deny: []Rule{{Kinds: []string{"Secret", "pods/exec"}}, {Namespaces: []string{"kube-*"}, Verbs: []string{"delete*"}}}}
	var many Config
	for range MaxRules {
		var r Rule
		for i := range MaxPatterns {
			r.Kinds = append(r.Kinds, fmt.Sprintf("s*e*c*r*%d", i))
		}
		many.Deny = append(many.Deny, r)
	}
	for name, c := range map[string]Config{"few": few, "most": many} {
		b.Run(name, func(b *testing.B) {
			rules, err := New(c)
			require.NoError(b, err)
			q := Request{Verb: "get", Version: "v1", Resource: "supersecureclusterroles", Namespace: "team-a", Name: "x"}
			for b.Loop() {
				if err := rules.Check(q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
