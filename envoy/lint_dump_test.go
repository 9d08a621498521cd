package envoy_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/yaml"

	"kubernetes-mcp-edge/envoy"
)

type object = map[string]any

// dumpOf is a bootstrap as Envoy shows it in /config_dump: TestDumpIsWhatEnvoyShows
// holds it against the real one. Fields at their default are not shown.
func dumpOf(t *testing.T, bootstrap string) string {
	t.Helper()
	var root object
	require.NoError(t, yaml.Unmarshal([]byte(bootstrap), &root))
	static, _ := root["static_resources"].(object)
	listeners, clusters := make([]any, 0, 1), make([]any, 0, 2)
	for _, l := range list(static["listeners"]) {
		listeners = append(listeners, object{"listener": shown(t, l, &listenerv3.Listener{}), "last_updated": "2026-11-24T12:00:00Z"})
	}
	for _, c := range list(static["clusters"]) {
		clusters = append(clusters, object{"cluster": shown(t, c, &clusterv3.Cluster{}), "last_updated": "2026-11-24T12:00:00Z"})
	}
	const admin = "type.googleapis.com/envoy.admin.v3."
	out, err := json.Marshal(object{"configs": []any{
		object{"@type": admin + "BootstrapConfigDump", "bootstrap": root, "last_updated": "2026-11-24T12:00:00Z"},
		object{"@type": admin + "ClustersConfigDump", "static_clusters": clusters},
		object{"@type": admin + "ListenersConfigDump", "static_listeners": listeners},
		object{"@type": admin + "ScopedRoutesConfigDump"},
		object{"@type": admin + "RoutesConfigDump"},
		object{"@type": admin + "SecretsConfigDump"},
	}})
	require.NoError(t, err)
	return string(out)
}

func list(v any) []any { items, _ := v.([]any); return items }

// shown is a resource with the fields that Envoy prints. One that holds a type
// which is unknown here stays as it was written.
func shown(t *testing.T, v any, m proto.Message) object {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	if protojson.Unmarshal(text, m) == nil {
		text, err = protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
		require.NoError(t, err)
	}
	var out object
	// What Envoy's protobuf files call sensitive is not shown.
	text = regexp.MustCompile(`"private_key":\s*\{"filename":\s*"[^"]*"\}`).ReplaceAll(text, []byte(`"private_key":{"filename":"[redacted]"}`))
	require.NoError(t, json.Unmarshal(text, &out))
	out["@type"] = "type.googleapis.com/" + string(proto.MessageName(m))
	return out
}

// invisible are the rules that no config_dump can break, and why.
func invisible() map[string]string {
	return map[string]string{
		"parse":         "Envoy would not run",
		"unknown-field": "Envoy would not run",
		"validate":      "Envoy would not run",
		"trusted-hops":  "a 0 that is written looks like none",
		"static-only":   "what came from elsewhere is there to be judged",
	}
}

// hidden are edits that change nothing which a dump shows.
func hidden(rule string, edit [2]string) bool {
	return rule == "no-client-certificate" && edit[1] == ""
}

// TestEveryBreakIsFoundInADump takes the edits of TestEveryBreakIsFound through
// the form that a running Envoy shows.
func TestEveryBreakIsFoundInADump(t *testing.T) {
	plain, tls := rendered(t)
	for rule, edits := range allBreaks() {
		if invisible()[rule] != "" {
			continue
		}
		for _, edit := range edits {
			if hidden(rule, edit) {
				continue
			}
			t.Run(rule+"/"+strings.TrimSpace(edit[1]), func(t *testing.T) {
				t.Parallel()
				good := plain
				if !strings.Contains(plain, edit[0]) {
					good = tls
				}
				found := envoy.Lint([]byte(dumpOf(t, broken(t, good, edit))))
				require.True(t, slices.ContainsFunc(found, func(f envoy.Finding) bool { return f.Rule == rule }), "found only %v", found)
				for _, f := range found {
					require.Zero(t, f.Line)
					require.Regexp(t, `^(configs\[\d\]|$)`, f.Path)
				}
			})
		}
	}
}

// rendered are the two files that the edits are made to.
func rendered(t *testing.T) (plain, tls string) {
	t.Helper()
	return render(t, nil), render(t, func(c *envoy.Config) {
		c.ListenAddress, c.TLS = "0.0.0.0", &envoy.TLS{CertificateFile: "/tls.crt", KeyFile: "/tls.key"}
		link := envoy.ClientTLS{CertificateFile: "/envoy.crt", KeyFile: "/envoy.key", CAFile: "/ca.crt", ServerSAN: "dns:far.example.com"}
		c.Guard, c.Backend, c.GuardTLS, c.BackendTLS = "192.0.2.1:9002", "192.0.2.2:9003", &link, &link
	})
}

// TestDumpsKeepEveryRule: nothing is wrong with what is shipped, seen alive.
func TestDumpsKeepEveryRule(t *testing.T) {
	plain, tls := rendered(t)
	for _, config := range []string{plain, tls} {
		require.Empty(t, envoy.Lint([]byte(dumpOf(t, config))))
	}
}

func regexpMatch(t *testing.T, pattern, text string) bool {
	t.Helper()
	ok, err := regexp.MatchString(pattern, text)
	require.NoError(t, err)
	return ok
}
