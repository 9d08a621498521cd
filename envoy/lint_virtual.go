package envoy

import (
	"maps"
	"net"
	"slices"
	"strings"
)

// routeName is a route by the host of its virtual host and its own name. A name
// alone may be that of any other host's routes, too.
type routeName struct{ host, name string }

// matchedRoute is the one route that a patch is about. Istio names virtual hosts
// HOST:PORT, and takes what is left out for any.
func matchedRoute(match map[string]any) routeName {
	host, _, err := net.SplitHostPort(textAt(match, "routeConfiguration", "vhost", "name"))
	if err != nil {
		host = ""
	}
	return routeName{strings.ToLower(host), textAt(match, "routeConfiguration", "vhost", "route", "name")}
}

// virtualHosts are the hosts of a VirtualService; any, where it names none.
func virtualHosts(spec map[string]any) []string {
	var out []string
	hosts, _ := spec["hosts"].([]any)
	for _, v := range hosts {
		if host, ok := v.(string); ok {
			out = append(out, strings.ToLower(host))
		}
	}
	if len(out) == 0 {
		return []string{"*"}
	}
	return out
}

// direct reports whether nothing stands behind a route, as far as this manifest
// says: a VirtualService of the host answers there, and none whose hosts could
// take this one in leads on under that name.
func (p *patches) direct(r routeName) bool {
	if r.host == "" || r.name == "" {
		return false // the patch fits other routes as well
	}
	answered := false
	for other, leads := range p.routed {
		switch {
		case other.name != r.name:
		case leads && (wider(other.host, r.host) || wider(r.host, other.host)):
			return false
		case wider(other.host, r.host):
			answered = true
		}
	}
	return answered
}

// wider reports whether a host is the other or a pattern, * or *.SUFFIX, of it.
func wider(host, other string) bool {
	suffix, pattern := strings.CutPrefix(host, "*")
	return host == other || pattern && strings.HasSuffix(other, suffix)
}

// virtual judges one entry of a VirtualService's http. Istio retries twice
// unless told otherwise.
func (p *patches) virtual(hosts []string, http map[string]any, at *place) {
	add := func(id string, at *place, detail string) {
		p.virtued = append(p.virtued, finding(p.document, ruleOf(id), at, detail))
	}
	_, answers := http["directResponse"]
	for _, name := range routeNames(http) {
		for _, host := range hosts {
			r := routeName{host, name}
			p.routed[r] = p.routed[r] || !answers
		}
	}
	if answers {
		return
	}
	retries, _ := http["retries"].(map[string]any)
	if n, ok := retries["attempts"].(float64); !ok || n != 0 {
		add("no-retries", at.field("retries", "attempts"), "Istio retries twice by default")
	}
	if http["rewrite"] != nil {
		add("no-rewrites", at.field("rewrite"), "")
	}
	for _, name := range []string{"mirror", "mirrors"} {
		if http[name] != nil {
			add("backend-cluster", at.field(name), "")
		}
	}
	if timeout, ok := http["timeout"].(string); ok && timeout != "0s" {
		add("call-without-limit", at.field("timeout"), "")
	}
	p.virtualHeaders(http, at, add)
	each(http, at, "route", func(destination map[string]any, at *place) { p.virtualHeaders(destination, at, add) })
}

// routeNames are the names that Istio gives the routes of an entry: one for each
// match that has a name of its own.
func routeNames(http map[string]any) []string {
	name, _ := http["name"].(string)
	out := []string{name}
	matches, _ := http["match"].([]any)
	for _, v := range matches {
		match, _ := v.(map[string]any)
		if own, ok := match["name"].(string); ok && own != "" {
			out = append(out, name+"."+own)
		}
	}
	return out
}

func (p *patches) virtualHeaders(object map[string]any, at *place, add func(string, *place, string)) {
	headers, _ := object["headers"].(map[string]any)
	request, _ := headers["request"].(map[string]any)
	at = at.field("headers", "request")
	for _, name := range []string{"set", "add"} {
		fields, _ := request[name].(map[string]any)
		for _, header := range slices.Sorted(maps.Keys(fields)) {
			if ours(header) {
				add("nothing-after-the-guard", at.field(name).entry(header), "")
			}
		}
	}
	removed, _ := request["remove"].([]any)
	for i, v := range removed {
		if header, ok := v.(string); ok && ours(header) {
			add("nothing-after-the-guard", at.field("remove").item(i), "")
		}
	}
}
