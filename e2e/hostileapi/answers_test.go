package hostileapi

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the servers send again and again.
const megabyte = 1 << 20

// forbidden is what no answer may hold: the caller's token, and what a server
// put into its answer to see it printed.
const canary = "CANARY-hostileapi"

// answer writes JSON with a status.
func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// usual answers what has to be known before a list or an object is asked for.
func usual(then http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1" {
			answer(w, http.StatusOK, `{"kind":"APIResourceList","groupVersion":"v1","resources":[
				{"name":"pods","kind":"Pod","namespaced":true,"verbs":["get","list"]},
				{"name":"pods/log","kind":"Pod","namespaced":true,"verbs":["get"]},
				{"name":"configmaps","kind":"ConfigMap","namespaced":true,"verbs":["get","list"]}]}`)
			return
		}
		then(w, r)
	})
}

// The calls that a behaviour is met with.
var (
	whoami   = call{"whoami", `{}`}
	list     = call{"resources_list", `{"apiVersion":"v1","kind":"Pod"}`}
	get      = call{"resources_get", `{"apiVersion":"v1","kind":"ConfigMap","name":"settings","namespace":"team-a"}`}
	logs     = call{"pods_log", `{"name":"web","namespace":"team-a"}`}
	kinds    = call{"resources_list", `{"apiVersion":"example.com/v1","kind":"Widget"}`}
	noGroup  = call{"resources_list", `{"kind":"Widget"}`}
	search   = call{"api_resources", `{}`}
	diagnose = call{"diagnose", `{"namespace":"team-a"}`}
	listYAML = call{"resources_list", `{"apiVersion":"v1","kind":"Pod","output":"yaml","limit":500}`}
	explain  = call{"explain", `{"path":"configmap"}`}
)

// answers are behaviours above HTTP.
func answers() []behaviour {
	endless := func(w io.Writer, done <-chan struct{}, piece string, pause time.Duration) {
		tick := time.NewTicker(max(pause, time.Microsecond))
		defer tick.Stop()
		for {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}
	hang := func(r *http.Request) { <-r.Context().Done() }
	return []behaviour{
		{name: "redirect to another host", calls: []call{whoami, list, logs}, says: "redirect", http: usual(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.1:1/"+canary, http.StatusTemporaryRedirect)
		})},
		{name: "no answer at all", calls: []call{whoami, list, logs}, says: "in time|not be reached", http: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { hang(r) })},
		{name: "a body that never ends", calls: []call{list, get, logs}, says: "in time|too large|.*", http: usual(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			endless(w, r.Context().Done(), `{"kind":"Table","rows":[`, 10*time.Millisecond)
		})},
		{name: "a body as fast as it goes", calls: []call{list, get}, says: "too large", http: usual(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			endless(w, r.Context().Done(), `[`+strings.Repeat(" ", 64<<10), 0)
		})},
		{name: "one byte a second", calls: []call{list, get}, says: "in time", http: usual(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			endless(w, r.Context().Done(), ` `, time.Second)
		})},
		{name: "Retry-After of 68 years", calls: []call{list, whoami}, says: "once more|could not answer", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", strconv.Itoa(1<<31-1))
			answer(w, http.StatusTooManyRequests, `{"kind":"Status","message":"wait"}`)
		})},
		{name: "a list of 40 MB", calls: []call{list}, says: "too large", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"kind":"Table","rows":[`)
			for range 40 {
				if _, err := io.WriteString(w, strings.Repeat(`{"cells":["x"]},`, megabyte/16)); err != nil {
					return
				}
			}
			_, _ = io.WriteString(w, `{}]}`)
		})},
		{name: "a gzip bomb", calls: []call{list, get, whoami}, says: "too large|broken one", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 50 {
				if _, err := io.WriteString(z, strings.Repeat(" ", megabyte)); err != nil {
					return
				}
			}
			_ = z.Close()
		})},
		{name: "headers of 1 MB", calls: []call{list, whoami}, says: "too large|not be reached|broken one", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			for i := range 100 {
				w.Header().Set(fmt.Sprintf("X-Large-%d", i), strings.Repeat("x", 10<<10))
			}
			answer(w, http.StatusOK, `{}`)
		})},
		{name: "8 MB of nesting", calls: []call{get}, says: "too large|broken one", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, strings.Repeat(`{"a":`, megabyte))
		})},
		{name: "7 MB of numbers", calls: []call{get}, says: "too large", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, `{"a":[`+strings.Repeat(`1,`, 3*megabyte)+`1]}`)
		})},
		{name: "small values by the million", calls: []call{diagnose, listYAML}, says: ".*", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			item := `{"metadata":{"name":"a","namespace":"team-a"},"a":[` + strings.Repeat(`{"a":1},`, 950) + `1]}`
			answer(w, http.StatusOK, `{"kind":"List","metadata":{"continue":"next"},"items":[`+strings.Repeat(item+",", 199)+item+`]}`)
		})},
		{name: "half a document", calls: []call{get, list, whoami}, says: "broken one", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, `{"kind":"Table","rows":[{"cells":["`)
		})},
		{name: "fewer bytes than announced", calls: []call{get, list}, says: "lost|broken one|not be reached", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			answer(w, http.StatusOK, `{}`)
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to end a response early
		})},
		{name: "HTML", calls: []call{get, list, whoami}, says: "broken one", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>"+canary)
		})},
		{name: "the token in an error", calls: []call{get, list, whoami, logs}, says: "RBAC", http: usual(func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			answer(w, http.StatusForbidden, fmt.Sprintf(`{"kind":"Status","message":"no\u001b[31m %s and %s\u200b%s \u202e"}`, token, token[:5], token[5:]))
		})},
		{name: "the token in an object", calls: []call{get}, says: ".*", http: usual(func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			answer(w, http.StatusOK, fmt.Sprintf(`{"kind":"ConfigMap","metadata":{"name":%q},"data":{%q:"\u001b]8;;http://x\u0007%s"}}`, token, token, token))
		})},
		{name: "the token in logs", calls: []call{logs}, says: ".*", http: usual(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/log") {
				answer(w, http.StatusOK, `{"kind":"Pod","metadata":{"name":"web","namespace":"team-a"},"spec":{"containers":[{"name":"web"}]},"status":{"phase":"Running"}}`)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			_, _ = io.WriteString(w, "\x1b[2J"+token+"\n")
		})},
		{name: "logs without an end", calls: []call{logs}, says: ".*", http: usual(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/log") {
				answer(w, http.StatusOK, `{"kind":"Pod","metadata":{"name":"web","namespace":"team-a"},"spec":{"containers":[{"name":"web"}]},"status":{"phase":"Running"}}`)
				return
			}
			w.Header().Set("Content-Type", "text/plain")
			endless(w, r.Context().Done(), strings.Repeat("log line\n", 1000), 0)
		})},
		{name: "warnings and cookies", calls: []call{list}, says: ".*", http: usual(func(w http.ResponseWriter, _ *http.Request) {
			for range 50 {
				w.Header().Add("Warning", `299 - "`+canary+`"`)
				w.Header().Add("Set-Cookie", "a="+canary)
			}
			answer(w, http.StatusOK, `{"kind":"Table","columnDefinitions":[],"rows":[]}`)
		})},
		{name: "100 000 groups", calls: []call{kinds, noGroup, search}, says: ".*", http: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/apis":
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"kind":"APIGroupList","groups":[`)
				for i := range 100_000 {
					_, _ = fmt.Fprintf(w, `{"name":"g%d.example.com","versions":[{"groupVersion":"g%d.example.com/v1","version":"v1"}]},`, i, i)
				}
				_, _ = io.WriteString(w, `{}]}`)
			case "/api":
				answer(w, http.StatusOK, `{"kind":"APIVersions","versions":["v1"]}`)
			default:
				answer(w, http.StatusNotFound, `{"kind":"Status"}`)
			}
		})},
		{name: "kinds with names that are paths", calls: []call{kinds, noGroup, search}, says: ".*", http: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "..") || strings.Contains(r.URL.Path, "proxy") {
				answer(w, http.StatusOK, `{"kind":"`+canary+`"}`)
				return
			}
			answer(w, http.StatusOK, `{"kind":"APIResourceList","groups":[{"name":"../proxy","versions":[{"groupVersion":"../proxy/v1","version":"v1"}]}],
				"resources":[{"name":"../nodes/a/proxy","kind":"Widget","namespaced":false,"verbs":["get","list"]}]}`)
		})},
		{name: "a schema of 40 MB", calls: []call{explain}, says: ".*", http: schema(`{"properties":{` +
			strings.Repeat(`"p":{"description":"`+strings.Repeat("x", 1000)+`"},`, 40*megabyte/1000) + `"q":{}}}`)},
		{name: "a schema that refers to itself", calls: []call{explain}, says: ".*", http: schema(`{"type":"object",
			"x-kubernetes-group-version-kind":[{"group":"","version":"v1","kind":"ConfigMap"}],"properties":{"a":{"$ref":"#/components/schemas/A"},"b":{"allOf":[{"$ref":"#/components/schemas/A"}]}}}`)},
		{name: "unasked-for switching of protocols", calls: []call{whoami, list, logs}, says: ".*", oneVersion: true, http: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			_, _ = buffered.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
			_ = buffered.Flush()
			_, _ = io.Copy(io.Discard, conn)
		})},
		{name: "1xx without an end", calls: []call{whoami, list}, says: ".*", oneVersion: true, http: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			for err == nil {
				_, err = io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
			}
		})},
	}
}

// schema serves OpenAPI v3 for v1, with one component.
func schema(component string) http.Handler {
	return usual(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/openapi/v3" {
			answer(w, http.StatusOK, `{"paths":{"api/v1":{"serverRelativeURL":"/openapi/v3/api/v1?hash=A"}}}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"openapi":"3.0.0","components":{"schemas":{"A":`+component+`}}}`)
	})
}

// TestNames: two behaviours of one name would hide one of them.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range append(answers(), wires(t)...) {
		if seen[b.name] {
			t.Errorf("%q stands twice", b.name)
		}
		seen[b.name] = true
	}
}
