package kube

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/access"
)

// asked is a request to 127.0.0.1 with this very path, escapes and all.
func asked(t *testing.T, method, path string) *http.Request {
	t.Helper()
	u, err := url.Parse("https://127.0.0.1" + path)
	require.NoError(t, err, path)
	req, err := http.NewRequestWithContext(t.Context(), method, "https://127.0.0.1/", nil)
	require.NoError(t, err)
	req.URL = u
	return req
}

// TestReadWire holds the reading of paths against what an API server's
// RequestInfo makes of them.
func TestReadWire(t *testing.T) {
	for line, want := range map[string]wired{
		"GET /version":                     {sort: document},
		"GET /api":                         {sort: document},
		"GET /api/v1":                      {sort: document},
		"GET /apis/apps":                   {sort: document},
		"GET /apis/apps/v1":                {sort: document},
		"GET /openapi/v3":                  {sort: document},
		"GET /openapi/v3/apis/apps/v1?h=a": {sort: document},
		"GET /openapi/v4":                  {},
		"GET /metrics":                     {},
		"GET /logs":                        {},
		"GET /":                            {},
		"GET /api/v1/pods":                 {sort: resource, Request: access.Request{Verb: "list", Version: "v1", Resource: "pods"}},
		"GET /api/v1/pods?watch=true":      {sort: resource, Request: access.Request{Verb: "watch", Version: "v1", Resource: "pods"}},
		"GET /api/v1/pods?%77atch=1":       {sort: resource, Request: access.Request{Verb: "watch", Version: "v1", Resource: "pods"}},
		"GET /api/v1/pods?labelSelector=watch%3D": {sort: resource, Request: access.Request{Verb: "list", Version: "v1", Resource: "pods"}},
		"GET /api/v1/namespaces":                  {sort: resource, Request: access.Request{Verb: "list", Version: "v1", Resource: "namespaces"}},
		"GET /api/v1/namespaces/a":                {sort: resource, Request: access.Request{Verb: "get", Version: "v1", Resource: "namespaces", Name: "a"}},
		"PUT /api/v1/namespaces/a/finalize":       {sort: resource, Request: access.Request{Verb: "update", Version: "v1", Resource: "namespaces", Name: "a", Subresource: "finalize"}},
		"GET /api/v1/namespaces/a/pods":           {sort: resource, Request: access.Request{Verb: "list", Version: "v1", Namespace: "a", Resource: "pods"}},
		"HEAD /api/v1/namespaces/a/pods/B":        {sort: resource, Request: access.Request{Verb: "get", Version: "v1", Namespace: "a", Resource: "pods", Name: "B"}},
		"GET /api/v1/namespaces/a/pods/b/log": {sort: resource, Request: access.Request{
			Verb: "get", Version: "v1", Namespace: "a", Resource: "pods", Name: "b", Subresource: "log"}},
		"PATCH /apis/apps/v1/namespaces/a/deployments/b/scale": {sort: resource, Request: access.Request{
			Verb: "patch", Group: "apps", Version: "v1", Namespace: "a", Resource: "deployments", Name: "b", Subresource: "scale"}},
		"POST /api/v1/namespaces/a/pods":   {sort: resource, Request: access.Request{Verb: "create", Version: "v1", Namespace: "a", Resource: "pods"}},
		"DELETE /api/v1/namespaces/a/pods": {sort: resource, Request: access.Request{Verb: "deletecollection", Version: "v1", Namespace: "a", Resource: "pods"}},
		"DELETE /api/v1/nodes/b":           {sort: resource, Request: access.Request{Verb: "delete", Version: "v1", Resource: "nodes", Name: "b"}},
		"GET /apis/g.example.com/v1/clusterthings/system:x@y": {sort: resource, Request: access.Request{
			Verb: "get", Group: "g.example.com", Version: "v1", Resource: "clusterthings", Name: "system:x@y"}},
		"POST /api/v1/namespaces/a/pods/b/exec": {sort: command, Request: access.Request{
			Verb: "create", Version: "v1", Namespace: "a", Resource: "pods", Name: "b", Subresource: "exec"}},
		"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {sort: review, Request: access.Request{
			Verb: "create", Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}},
		"POST /apis/authorization.k8s.io/v1/subjectaccessreviews": {sort: resource, Request: access.Request{
			Verb: "create", Group: "authorization.k8s.io", Version: "v1", Resource: "subjectaccessreviews"}},
		"GET /api/v1/nodes/n/proxy/stats/summary": {sort: nodeInfo, Request: access.Request{
			Verb: "get", Version: "v1", Resource: "nodes", Name: "n", Subresource: "proxy"}},
		"GET /api/v1/nodes/n/proxy/logs/": {sort: nodeInfo, Request: access.Request{
			Verb: "get", Version: "v1", Resource: "nodes", Name: "n", Subresource: "proxy"}},
	} {
		method, path, _ := strings.Cut(line, " ")
		require.Equal(t, want, readWire(asked(t, method, path), ""), line)
		if want.sort != unknown {
			require.Equal(t, want, readWire(asked(t, method, "/k8s/clusters/c-1"+path), "/k8s/clusters/c-1"), line)
		}
		require.Equal(t, unknown, readWire(asked(t, method, "/other"+path), "/k8s").sort, line)
	}
}

// changing are paths, each with the methods that a reader may send to it.
var changing = map[string][]string{
	"/api/v1/namespaces/a/pods":                                            {"GET", "HEAD"},
	"/api/v1/namespaces/a/pods/b":                                          {"GET", "HEAD"},
	"/api/v1/namespaces/a/pods/b/log":                                      {"GET", "HEAD"},
	"/api/v1/namespaces/a/pods/b/status":                                   {"GET", "HEAD"},
	"/api/v1/namespaces/a/pods/b/eviction":                                 {"GET", "HEAD"},
	"/api/v1/namespaces/a/serviceaccounts/b/token":                         {"GET", "HEAD"},
	"/apis/apps/v1/namespaces/a/deployments/b/scale":                       {"GET", "HEAD"},
	"/api/v1/namespaces/a/pods/b/exec":                                     nil,
	"/api/v1/namespaces/a/pods/b/attach":                                   nil,
	"/api/v1/namespaces/a/pods/b/portforward":                              nil,
	"/api/v1/namespaces/a/pods/b/proxy":                                    nil,
	"/api/v1/namespaces/a/pods/b/proxy/x":                                  nil,
	"/api/v1/namespaces/a/services/b/proxy/x":                              nil,
	"/api/v1/namespaces/a/services/https:b:1/proxy":                        nil,
	"/api/v1/nodes/n/proxy":                                                nil,
	"/api/v1/nodes/n/proxy/run/a/b/c":                                      nil,
	"/api/v1/nodes/n/proxy/exec":                                           nil,
	"/api/v1/nodes/n/proxy/stats":                                          nil,
	"/api/v1/nodes/n/proxy/logs/kube.log":                                  nil,
	"/api/v1/nodes/n/proxy/stats/summary":                                  {"GET", "HEAD"},
	"/api/v1/nodes/n/proxy/logs":                                           {"GET", "HEAD"},
	"/api/v1/proxy/nodes/n":                                                nil,
	"/api/v1/watch/pods":                                                   nil,
	"/api/v1/namespaces/a/watch/pods":                                      nil,
	"/apis/subresources.example.com/v1/namespaces/a/vms/b/portforward":     nil,
	"/apis/subresources.example.com/v1/namespaces/a/vms/b/vnc/x":           nil,
	"/apis/authentication.k8s.io/v1/selfsubjectreviews":                    {"GET", "HEAD", "POST"},
	"/apis/authentication.k8s.io/v1/tokenreviews":                          {"GET", "HEAD"},
	"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews":               {"GET", "HEAD", "POST"},
	"/apis/authorization.k8s.io/v1/selfsubjectrulesreviews":                {"GET", "HEAD", "POST"},
	"/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews": {"GET", "HEAD"},
	"/apis/example.com/v1/selfsubjectreviews":                              {"GET", "HEAD"},
	"/version":                        {"GET", "HEAD"},
	"/apis":                           {"GET", "HEAD"},
	"/api/v1/PODS":                    nil,
	"/apis/APPS/v1/deployments":       nil,
	"/apis/apps/V1/deployments":       nil,
	"/api/v1/namespaces/a/pods/b/LOG": nil,
	"/api/v1/nodes/n/status/x":        nil,
	"/debug/pprof":                    nil,
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE", "get", "Post", "PROPFIND"}

// spellings are other ways to write a path, some of which some server on the
// way may take for the path itself.
func spellings(path string) []string {
	middle := strings.LastIndex(path, "/")
	last := path[middle+1:]
	return []string{
		path + "/", path + "//", "/" + path, strings.Replace(path, "/", "//", 2), path[:middle] + "%2f" + last, path[:middle] + "%2F" + last,
		path[:middle] + "/./" + last, path + "/.", path + "/..", "/x/.." + path, path[:middle] + "/x/../" + last, path[:middle] + "/%2e%2e/" + last, path + "/%2e",
		path[:middle+1] + strings.ToUpper(last), strings.ToUpper(path), path[:middle] + "/%" + "6" + "1" + last, path + "%00", path + ";x", path + "%3f", path[:middle] + `\` + last,
		path + "%20", path[:middle] + "/" + last[:len(last)-1] + "%" + strings.ToUpper(hexOf(last[len(last)-1])),
	}
}

func hexOf(c byte) string { return string([]byte{"0123456789abcdef"[c>>4], "0123456789abcdef"[c&15]}) }

// TestReaderOnlyReads: whatever the method and however the path is spelt, a
// reader sends nothing that writes, runs or goes on to another server.
func TestReaderOnlyReads(t *testing.T) {
	g := &guard{allowed: writes | execs}
	for path, allowed := range changing {
		for _, method := range methods {
			for _, upgrade := range []bool{false, true} {
				req := asked(t, method, path)
				if upgrade {
					req.Header.Set("Upgrade", "websocket")
				}
				err := g.permit(req, 0)
				may := false
				for _, m := range allowed {
					may = may || m == method && !upgrade
				}
				require.Equal(t, may, err == nil, "%s %s upgrade %v: %v", method, path, upgrade, err)
			}
			for _, other := range spellings(path) {
				if path == "/api/v1/nodes/n/proxy/logs" && other == path+"/" {
					continue // the kubelet's own spelling
				}
				u, err := url.Parse("https://127.0.0.1" + other)
				if err != nil {
					continue // never becomes a request
				}
				req := asked(t, method, "/")
				req.URL = u
				err = g.permit(req, 0)
				if err == nil { // an object of another name is read as such
					w := readWire(req, "")
					require.Contains(t, []string{"GET", "HEAD"}, method, other)
					require.Equal(t, resource, w.sort, other)
					require.NotContains(t, []string{"exec", "attach", "portforward", "proxy"}, w.Subresource, other)
					require.Equal(t, u.EscapedPath(), u.Path, other)
				}
			}
		}
	}
}

// TestWriterOnlyWrites what it names, and only if the operator lets it.
func TestWriterOnlyWrites(t *testing.T) {
	g := &guard{allowed: writes}
	for line, may := range map[string]bool{
		"POST /api/v1/namespaces/a/pods":                       true,
		"PUT /api/v1/namespaces/a/pods/b":                      true,
		"PATCH /api/v1/namespaces/a/pods/b":                    true,
		"PATCH /apis/apps/v1/namespaces/a/deployments/b/scale": true,
		"DELETE /api/v1/namespaces/a/pods/b":                   true,
		"POST /api/v1/namespaces/a/pods/b/eviction":            true,
		"DELETE /api/v1/namespaces/a/pods":                     false,
		"PUT /api/v1/namespaces/a/pods":                        false,
		"POST /api/v1/namespaces/a/pods/b":                     false,
		"POST /api/v1/namespaces/a/pods/b/exec":                false,
		"POST /api/v1/nodes/n/proxy/stats/summary":             false,
		"DELETE /api/v1/nodes/n/proxy/logs":                    false,
		"POST /api/v1/namespaces/a/services/b/proxy":           false,
		"POST /version":                                        false,
		"DELETE /apis/apps/v1":                                 false,
		"OPTIONS /api/v1/namespaces/a/pods/b":                  false,
	} {
		method, path, _ := strings.Cut(line, " ")
		require.Equal(t, may, g.permit(asked(t, method, path), writes) == nil, line)
		require.Error(t, (&guard{allowed: execs}).permit(asked(t, method, path), writes|execs), line)
		require.Error(t, g.permit(asked(t, method, path), execs), line)
	}
}

// TestExecutorOnlyExecs, and by upgrade alone.
func TestExecutorOnlyExecs(t *testing.T) {
	g := &guard{allowed: writes | execs}
	for _, method := range methods {
		req := asked(t, method, execPath)
		require.Error(t, g.permit(req, execs), "without an upgrade")
		req.Header.Set("Upgrade", "websocket")
		require.Equal(t, method == "GET" || method == "POST", g.permit(req, execs) == nil, method)
		require.Error(t, g.permit(req, writes))
		for _, other := range []string{"/api/v1/namespaces/a/pods/b/attach", "/api/v1/namespaces/a/pods/b/portforward", "/api/v1/namespaces/a/pods/b", "/version"} {
			req := asked(t, method, other)
			req.Header.Set("Connection", "keep-alive, Upgrade")
			require.Error(t, g.permit(req, execs|writes), other)
		}
	}
}

// TestNobodyElse: no request speaks for another user.
func TestNobodyElse(t *testing.T) {
	h := newHostile(t, plain)
	client := clientOf(t, h)
	for _, name := range []string{"Impersonate-User", "impersonate-group", "Impersonate-Extra-x", "Impersonate-Uid", "X-Remote-User", "Proxy-Authorization"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+"/version", nil)
		require.NoError(t, err)
		req.Header[name] = []string{"system:admin"}
		_, err = client.RoundTripper(within(t, 5*time.Second)).RoundTrip(req)
		require.Equal(t, ReadOnly, trouble(t, err), name)
	}
	require.Empty(t, h.paths())
}
