package envoy

import (
	"maps"
	"slices"
)

// virtual judges one entry of a VirtualService's http. Istio retries twice
// unless told otherwise.
func (p *patches) virtual(http map[string]any, at *place) {
	add := func(id string, at *place, detail string) {
		p.virtued = append(p.virtued, finding(p.document, ruleOf(id), at, detail))
	}
	name, _ := http["name"].(string)
	if _, ok := http["directResponse"]; ok {
		if _, seen := p.direct[name]; !seen {
			p.direct[name] = name != "" // a patch without a name fits every route
		}
		return
	}
	p.direct[name] = false
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
