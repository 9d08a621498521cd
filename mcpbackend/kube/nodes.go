package kube

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// nodePath begins the path to a kubelet's own API, through the API server. What
// follows is constant: a caller chooses the node and nothing else.
func nodePath(node string, rest ...string) ([]string, error) {
	if !validSubdomain(node) {
		return nil, &Error{Trouble: Invalid, Detail: "the name of a node is a DNS name"}
	}
	return append([]string{core, "v1", "nodes", node, proxy}, rest...), nil
}

// NodeStats is the kubelet's summary of what its node and Pods use, in JSON
// (k8s.io/kubelet/pkg/apis/stats/v1alpha1 Summary): one request. The caller needs
// get on nodes/proxy.
func (c *Client) NodeStats(ctx context.Context, node string) ([]byte, error) {
	segments, err := nodePath(node, "stats", "summary")
	if err != nil {
		return nil, err
	}
	return c.do(ctx, call{method: http.MethodGet, segments: segments, accept: jsonType})
}

// maxNodeLog bounds the log of a node, in bytes.
const maxNodeLog = 1 << 20

// NodeLog is a log of a node, by the kubelet's log query (KEP-2258): query is
// the name of a service, or of a file below /var/log; tail > 0 asks for the last
// lines alone. One request, at most 1 MiB; truncated says that there was more.
// The text is the server's.
func (c *Client) NodeLog(ctx context.Context, node, query string, tail int) (text []byte, truncated bool, err error) {
	segments, err := nodePath(node, logs)
	if err != nil {
		return nil, false, err
	}
	if !ValidLogQuery(query) {
		return nil, false, &Error{Trouble: Invalid, Detail: "query is the name of a service, or of a file below /var/log"}
	}
	values := url.Values{"query": {query}}
	if tail > 0 {
		values.Set("tailLines", strconv.Itoa(tail))
	}
	r, err := c.ask(ctx, call{
		method: http.MethodGet, segments: segments, slash: true, // without it the kubelet redirects
		query: values, accept: "text/plain, */*", text: maxNodeLog,
	})
	if err == nil && r.html { // a list of files: the kubelet took no notice of the query
		return nil, false, &Error{Trouble: Unsupported, Status: r.status, Detail: "this node's kubelet takes no log queries (feature NodeLogQuery, enableSystemLogQuery)"}
	}
	return r.body, r.cut, err
}

// ValidLogQuery reports whether s can name a service or a file to NodeLog. Old
// kubelets handed it to a shell (CVE-2024-9042), so it holds no character that
// means anything there, and no step up.
func ValidLogQuery(s string) bool {
	if s == "" || len(s) > maxNameLength {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && c == '.' && s[i-1] == '.':
			return false
		case c == '_' || c == '/' || c == '.', i > 0 && (c == '-' || c == ':' || c == '@'):
		default:
			return false
		}
	}
	return true
}
