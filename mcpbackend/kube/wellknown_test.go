package kube

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/kinds-1.37.txt
var stockKinds string

// stock are the kinds that Kubernetes 1.37 itself serves, with the names that it
// gives them.
func stock(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for line := range strings.Lines(stockKinds) {
		if words := strings.Fields(line); words[0] != "#" {
			out[words[0]+" "+words[1]] = words[2:]
		}
	}
	require.Len(t, out, 72)
	return out
}

// TestWellKnownKinds are named as Kubernetes names them. The metrics API is an
// extension.
func TestWellKnownKinds(t *testing.T) {
	served := stock(t)
	for _, g := range wellKnown {
		for _, names := range g.kinds {
			words := strings.Fields(names)
			k := builtIn(g.group, g.version, !g.cluster, words)
			require.True(t, validLabel(k.Resource), k)
			if g.group == "metrics.k8s.io" {
				continue
			}
			scope := "namespaced"
			if g.cluster {
				scope = "cluster"
			}
			require.Equal(t, served[k.APIVersion()+" "+k.Kind], append([]string{k.Resource, scope}, k.short...), k.Kind)
			require.Equal(t, strings.ToLower(k.Kind), k.singular)
		}
	}
}

// TestWellKnownWords mean one kind, and every other kind's names are not among
// them: what they mean is the server's to say.
func TestWellKnownWords(t *testing.T) {
	for word, want := range map[string]string{
		"po": "v1 Pod", "EV": "v1 Event", "Events": "v1 Event", "hpa": "autoscaling/v2 HorizontalPodAutoscaler", "ing": "networking.k8s.io/v1 Ingress",
		"podmetrics": "metrics.k8s.io/v1beta1 PodMetrics", "NodeMetrics": "metrics.k8s.io/v1beta1 NodeMetrics", "pods": "v1 Pod", "nodes": "v1 Node",
		"crd": "apiextensions.k8s.io/v1 CustomResourceDefinition",
	} {
		k, ok := wellKnownKind(word)
		require.True(t, ok, word)
		require.Equal(t, want, k.APIVersion()+" "+k.Kind, word)
	}
	for _, word := range []string{"", "Widget", "pod ", "resourceclaims"} {
		_, ok := wellKnownKind(word)
		require.False(t, ok, word)
	}
	seen := map[string]string{}
	for _, g := range wellKnown {
		for _, names := range g.kinds {
			kind, rest, _ := strings.Cut(names, " ")
			for _, word := range append(strings.Fields(rest), kind) {
				word = strings.ToLower(word)
				if other, twice := seen[word]; twice && other != kind {
					t.Errorf("%q means %s and %s", word, other, kind)
				}
				seen[word] = kind
			}
		}
	}
	metrics, _ := wellKnownKind("PodMetrics")
	require.Equal(t, "pods", metrics.Resource)
}

// TestBuiltInGroups are all that Kubernetes itself serves, and no extension.
func TestBuiltInGroups(t *testing.T) {
	for name := range stock(t) {
		apiVersion, _, _ := strings.Cut(name, " ")
		group, _, found := strings.Cut(apiVersion, "/")
		require.Equal(t, found, found && builtInGroup(group), apiVersion)
	}
	for _, group := range []string{"metrics.k8s.io", "gateway.networking.k8s.io", "snapshot.storage.k8s.io", "example.com"} {
		require.False(t, builtInGroup(group), group)
	}
}
