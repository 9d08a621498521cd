package server

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"
)

// lettersToken is a bootstrap token that looks like two words: it is known by
// what stands around it alone.
const lettersToken = "abcdef.ghijklmnopqrstuv"

// shapes is text with every credential that has a shape of its own.
const shapes = "kubeadm join with " + lettersToken + " " + bootstrapToken + " " + serviceToken + " " + privateKey

// copied is a Secret as text in another object.
const copied = `{"kind":"Secret","apiVersion":"v1","stringData":{"password":"` + canarySecret + `"}}`

// blockCopied is the same in YAML.
const blockCopied = "apiVersion: v1\nkind: Secret\nstringData:\n  password: " + canarySecret + "\n"

// leaky is an API server whose every answer holds what no tool may show:
// objects, tables, logs, statuses, schemas. refusing is the status with which it
// answers all but discovery; 0: it serves.
type leaky struct {
	refusing atomic.Int64
	kinds    map[string]map[string]leakyKind // by group/version and plural
}

type leakyKind struct {
	kind       string
	namespaced bool
}

func newLeaky(t *testing.T) (*leaky, *brokenAPI) {
	t.Helper()
	l := &leaky{kinds: map[string]map[string]leakyKind{
		"v1": {
			"pods": {"Pod", true}, "secrets": {"Secret", true}, "configmaps": {"ConfigMap", true}, "events": {"Event", true},
			"services": {"Service", true}, "namespaces": {"Namespace", false}, "nodes": {"Node", false}, "persistentvolumeclaims": {"PersistentVolumeClaim", true},
			"replicationcontrollers": {"ReplicationController", true}, "serviceaccounts": {"ServiceAccount", true},
		},
		"apps/v1":                {"deployments": {"Deployment", true}, "replicasets": {"ReplicaSet", true}, "statefulsets": {"StatefulSet", true}, "daemonsets": {"DaemonSet", true}},
		"batch/v1":               {"jobs": {"Job", true}, "cronjobs": {"CronJob", true}},
		"example.com/v1":         {"widgets": {"Widget", true}},
		"metrics.k8s.io/v1beta1": {"pods": {"PodMetrics", true}, "nodes": {"NodeMetrics", false}},
	}}
	b := &brokenAPI{}
	b.Server = httptest.NewTLSServer(l)
	t.Cleanup(b.Close)
	return l, b
}

func (l *leaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case r.URL.Path == "/version":
		writeJSON(w, map[string]any{"gitVersion": "v1.37.2"})
	case r.URL.Path == "/api", r.URL.Path == "/apis":
		writeJSON(w, map[string]any{"kind": "APIGroupDiscoveryList", "items": l.root(r.URL.Path == "/api")})
	case at[0] == "openapi":
		writeJSON(w, l.schema(strings.Join(at[3:], "/")))
	case at[0] == "api" && len(at) == 2, at[0] == "apis" && len(at) == 3:
		writeJSON(w, map[string]any{"kind": "APIResourceList", "resources": l.resources(strings.Join(at[1:], "/"))})
	case l.refusing.Load() != 0:
		w.WriteHeader(int(l.refusing.Load()))
		writeJSON(w, map[string]any{"kind": "Status", "message": shapes + blockCopied + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "details": map[string]any{"name": "a"}})
	case strings.Contains(r.URL.Path, "selfsubject"):
		writeJSON(w, map[string]any{"status": map[string]any{
			"allowed": true, "reason": shapes, "resourceRules": []any{map[string]any{"verbs": []any{"get"}, "resources": []any{shapes}, "apiGroups": []any{""}, "resourceNames": []any{bootstrapToken}}},
			"userInfo": map[string]any{"username": shapes, "uid": bootstrapToken, "groups": []any{shapes}},
		}})
	default:
		l.resource(w, r, at)
	}
}

// resource answers for objects and what is below them.
func (l *leaky) resource(w http.ResponseWriter, r *http.Request, at []string) {
	version, rest := at[1], at[2:]
	if at[0] == "apis" {
		version, rest = at[1]+"/"+at[2], at[3:]
	}
	namespace := ""
	if rest[0] == "namespaces" && len(rest) > 2 {
		namespace, rest = rest[1], rest[2:]
	}
	kind, ok := l.kinds[version][rest[0]]
	below := strings.Join(rest[min(2, len(rest)):], "/")
	switch {
	case !ok:
		w.WriteHeader(http.StatusNotFound)
		writeJSON(w, map[string]any{"kind": "Status", "message": shapes})
	case below == "exec":
		runLeaky(w, r)
	case below == "log", strings.HasPrefix(below, "proxy/logs"):
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(strings.Repeat("plain\n"+shapes+"\n"+copied+"\nerror: bad\n", 10)))
	case below == "proxy/stats/summary":
		writeJSON(w, map[string]any{"node": map[string]any{}, "pods": []any{map[string]any{"podRef": map[string]any{"name": shapes, "namespace": shapes}}}})
	case below == "scale":
		writeJSON(w, map[string]any{"kind": "Scale", "spec": map[string]any{"replicas": 1}, "status": map[string]any{"replicas": 1, "selector": shapes}})
	case r.Method == http.MethodGet && len(rest) == 1:
		l.list(w, r, version, namespace, kind)
	default:
		name := "a"
		if len(rest) > 1 {
			name = rest[1]
		}
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusCreated)
		}
		writeJSON(w, leakyObject(version, kind.kind, namespace, name))
	}
}

// list answers as a table where that is asked for: with cells that hold all.
func (l *leaky) list(w http.ResponseWriter, r *http.Request, version, namespace string, kind leakyKind) {
	if namespace == "" && kind.namespaced {
		namespace = "team-a"
	}
	object := leakyObject(version, kind.kind, namespace, "a")
	if !strings.Contains(r.Header.Get("Accept"), "as=Table") {
		writeJSON(w, map[string]any{"kind": kind.kind + "List", "metadata": map[string]any{"continue": serviceToken}, "items": []any{object}})
		return
	}
	cells := []any{"a", shapes, blockCopied}
	columns := []any{map[string]any{"name": "Name", "type": "string"}, map[string]any{"name": "Status", "type": "string"}, map[string]any{"name": serviceToken, "type": "string"}}
	if kind.kind == "Widget" {
		cells = append(cells, canarySecret)
		columns = append(columns, map[string]any{"name": "Password", "type": "string"})
	}
	writeJSON(w, map[string]any{
		"kind": "Table", "metadata": map[string]any{"continue": serviceToken}, "columnDefinitions": columns,
		"rows": []any{map[string]any{"cells": cells, "object": map[string]any{"metadata": object["metadata"]}}},
	})
}

// runLeaky plays a container whose command prints everything.
func runLeaky(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v5.channel.k8s.io"}})
	if err != nil {
		return
	}
	for _, frame := range []string{"\x01" + shapes + "\n" + copied + "\n", "\x02" + shapes, "\x03" + `{"status":"Failure","reason":"NonZeroExitCode","message":"` + bootstrapToken + `","details":{"causes":[{"reason":"ExitCode","message":"3"}]}}`} {
		_ = c.Write(r.Context(), websocket.MessageBinary, []byte(frame))
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
}

func (l *leaky) resources(version string) []any {
	out := make([]any, 0, len(l.kinds[version]))
	for _, plural := range slices.Sorted(maps.Keys(l.kinds[version])) {
		k := l.kinds[version][plural]
		out = append(out, map[string]any{
			"name": plural, "singularName": strings.ToLower(k.kind), "kind": k.kind, "namespaced": k.namespaced,
			"verbs": []any{"get", "list", "watch", "create", "update", "patch", "delete"}, "shortNames": []any{bootstrapToken},
		})
	}
	return out
}

// root is aggregated discovery (apidiscovery.k8s.io/v2).
func (l *leaky) root(core bool) []any {
	out := make([]any, 0, len(l.kinds))
	for _, version := range slices.Sorted(maps.Keys(l.kinds)) {
		group, name, found := strings.Cut(version, "/")
		if found == core {
			continue
		}
		if core {
			group, name = "", version
		}
		resources := []any{}
		for _, plural := range slices.Sorted(maps.Keys(l.kinds[version])) {
			k, scope := l.kinds[version][plural], "Cluster"
			if k.namespaced {
				scope = "Namespaced"
			}
			resources = append(resources, map[string]any{
				"resource": plural, "scope": scope, "singularResource": strings.ToLower(k.kind), "verbs": []any{"get", "list", "create", "delete", "patch"},
				"responseKind": map[string]any{"group": group, "version": name, "kind": k.kind}, "shortNames": []any{bootstrapToken},
			})
		}
		out = append(out, map[string]any{"metadata": map[string]any{"name": group}, "versions": []any{map[string]any{"version": name, "resources": resources}}})
	}
	return out
}

// schema is OpenAPI v3 of a group/version: explain shows its descriptions.
func (l *leaky) schema(version string) map[string]any {
	group, name, found := strings.Cut(version, "/")
	if !found {
		group, name = "", version
	}
	schemas := map[string]any{}
	for _, k := range l.kinds[version] {
		schemas["x."+k.kind] = map[string]any{
			"type": "object", "description": shapes,
			"properties":                      map[string]any{"spec": map[string]any{"type": "object", "description": shapes + blockCopied, "properties": map[string]any{"a": map[string]any{"type": "string", "description": shapes, "enum": []any{bootstrapToken}, "default": serviceToken}}}},
			"x-kubernetes-group-version-kind": []any{map[string]any{"group": group, "version": name, "kind": k.kind}},
		}
	}
	return map[string]any{"components": map[string]any{"schemas": schemas}}
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
