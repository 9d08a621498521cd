package kube

import (
	"context"
	"net/http"
	"strings"

	"kubernetes-mcp-edge/extproc/access"
)

// verbs are what a client may do beyond reading.
type verbs uint8

const (
	writes verbs = 1 << iota // create, update, patch, delete
	execs                    // run a command in a pod
)

// said is what a client says of itself to the guard, with each of its requests.
type said struct {
	agent string // the User-Agent; "" leaves the plain one
	may   verbs
}

type saidKey struct{}

// saying makes the requests under ctx those of a client.
func saying(ctx context.Context, s *said) context.Context {
	return context.WithValue(ctx, saidKey{}, s)
}

func saidIn(ctx context.Context) *said {
	if s, ok := ctx.Value(saidKey{}).(*said); ok {
		return s
	}
	return &said{}
}

// sort is what a request is to an API server, by its path.
type sort uint8

const (
	unknown  sort = iota // nothing that this program sends
	document             // discovery, the version, OpenAPI
	review               // a question about the caller himself
	resource             // everything that RBAC speaks of as a resource
	nodeInfo             // one of the two paths through a node's proxy that read
	command              // pods/exec
)

// wired is a request as it is on the wire.
type wired struct {
	access.Request

	sort sort
}

// readWire reads method and path as an API server does (RequestInfo of
// k8s.io/apiserver), but takes only one spelling of each path: no escape, no
// empty or dot segment, no slash at the end, lower case where names of the API
// are. Whatever else might reach a handler under another spelling is unknown.
func readWire(r *http.Request, prefix string) wired {
	if r.URL.RawPath != "" || r.URL.Opaque != "" {
		return wired{}
	}
	path, ok := strings.CutPrefix(r.URL.Path, prefix+"/")
	if !ok {
		return wired{}
	}
	var room [maxSegments]string
	segments, ok := split(path, room[:0])
	if !ok {
		return wired{}
	}
	switch segments[0] {
	case "version":
		if len(segments) == 1 {
			return wired{sort: document}
		}
	case "openapi":
		if len(segments) > 1 && (segments[1] == "v2" || segments[1] == "v3") {
			return wired{sort: document}
		}
	case core:
		if len(segments) <= 2 {
			return wired{sort: document}
		}
		return readResource(r, "", segments[1], segments[2:])
	case groups:
		if len(segments) <= 3 {
			return wired{sort: document}
		}
		return readResource(r, segments[1], segments[2], segments[3:])
	}
	return wired{}
}

// maxSegments is enough for the longest path in use,
// apis/GROUP/VERSION/namespaces/NAME/RESOURCE/NAME/SUBRESOURCE, and a node's
// proxy/stats/summary.
const maxSegments = 8

// split takes a path apart. An empty segment is legal at the end alone, and
// there only for the logs of a node.
func split(path string, into []string) ([]string, bool) {
	for {
		s, rest, more := strings.Cut(path, "/")
		last := !more && s == "" && len(into) == 6 && into[4] == proxy && into[5] == logs
		if len(into) == maxSegments || !segment(s) && !last {
			return nil, false
		}
		into = append(into, s)
		if !more {
			return into, true
		}
		path = rest
	}
}

// readResource reads what follows the group and version.
func readResource(r *http.Request, group, version string, rest []string) wired {
	w := wired{sort: resource, Request: access.Request{Group: group, Version: version}}
	if len(rest) >= 3 && rest[0] == namespaces && rest[2] != "status" && rest[2] != "finalize" {
		w.Namespace, rest = rest[1], rest[2:]
	}
	w.Resource = rest[0]
	if len(rest) > 1 {
		w.Name = rest[1]
	}
	if len(rest) > 2 {
		w.Subresource = rest[2]
	}
	w.Verb = verbOf(r, w.Name)
	if !lowerCase(group) || !lowerCase(version) || !lowerCase(w.Resource) || !lowerCase(w.Subresource) {
		return wired{}
	}
	switch {
	case w.Resource == verbWatch, w.Resource == proxy: // verbs of old, before the resource
		return wired{}
	case w.Subresource == proxy:
		if !readsNode(&w, rest) {
			return wired{}
		}
		w.sort = nodeInfo
	case len(rest) > 3:
		return wired{}
	case w.Subresource == verbExec && group == "" && w.Resource == podPlural && w.Namespace != "":
		w.sort = command
	case w.Subresource == verbExec, w.Subresource == "attach", w.Subresource == "portforward":
		return wired{}
	case selfReview(&w):
		w.sort = review
	}
	return w
}

// readsNode reports whether a path through a proxy is one of the two that only
// read: the kubelet's summary of what runs, and its logs.
func readsNode(w *wired, rest []string) bool {
	if w.Group != "" || w.Version != "v1" || w.Resource != "nodes" || w.Namespace != "" {
		return false
	}
	switch below := rest[3:]; len(below) {
	case 1:
		return below[0] == logs
	case 2:
		return below[0] == "stats" && below[1] == "summary" || below[0] == logs && below[1] == ""
	}
	return false
}

// selfReview reports whether the request asks about the caller alone. Such a
// POST changes nothing.
func selfReview(w *wired) bool {
	if w.Verb != verbCreate || w.Namespace != "" || w.Name != "" {
		return false
	}
	switch w.Group {
	case "authentication.k8s.io":
		return w.Resource == "selfsubjectreviews"
	case "authorization.k8s.io":
		return w.Resource == "selfsubjectaccessreviews" || w.Resource == "selfsubjectrulesreviews"
	}
	return false
}

// verbOf is RBAC's verb for a method; "" for one that no API server has.
func verbOf(r *http.Request, name string) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		switch {
		case watches(r.URL.RawQuery) && r.URL.Query().Has(verbWatch):
			return verbWatch // whatever its value: an API server may read it in another way
		case name == "":
			return "list"
		}
		return "get"
	case http.MethodPost:
		return verbCreate
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if name == "" {
			return verbDeleteCollection
		}
		return "delete"
	}
	return ""
}

// watches reports whether a query may hold watch; most need not be parsed.
func watches(query string) bool {
	return strings.Contains(query, verbWatch) || strings.Contains(query, "%")
}

func lowerCase(s string) bool {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return false
		}
	}
	return true
}
