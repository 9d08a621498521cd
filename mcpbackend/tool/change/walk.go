package change

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
)

// placeholder is the path of the first text that holds what this server shows
// in the place of a secret; "" if there is none.
func placeholder(v any, path string) string {
	found := ""
	walk(v, path, func(path string, leaf any) bool {
		if s, ok := leaf.(string); ok && strings.Contains(s, answer.Redacted) {
			found = path
		}
		return found == ""
	})
	return found
}

// walk calls f with every value that is neither a map nor a list, in order,
// until f returns false.
func walk(v any, path string, f func(path string, leaf any) bool) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if !walk(v[key], below(path, key), f) {
				return false
			}
		}
		return true
	case []any:
		for i, element := range v {
			if !walk(element, path+"["+strconv.Itoa(i)+"]", f) {
				return false
			}
		}
		return true
	}
	return f(path, v)
}

// below is the path of a field. A name that holds dots is put in brackets.
func below(path, name string) string {
	if strings.ContainsAny(name, ".[]\"") {
		return path + "[" + strconv.Quote(name) + "]"
	}
	return strings.TrimPrefix(path+"."+name, ".")
}

// passing are fields that a server changes by itself, or that say who set what.
func passing(path string) bool {
	switch path {
	case "metadata.managedFields", "metadata.resourceVersion", "metadata.generation", "metadata.creationTimestamp", "metadata.uid":
		return true
	}
	return false
}

// differences are the paths at which two objects differ, never what stands
// there: the value of a Secret is nobody's business.
func differences(before, after any, path string) []string {
	if passing(path) {
		return nil
	}
	switch a := after.(type) {
	case map[string]any:
		b, ok := before.(map[string]any)
		if !ok {
			return []string{path}
		}
		var out []string
		keys := slices.Sorted(maps.Keys(a))
		for key := range b {
			if _, ok := a[key]; !ok {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			old, was := b[key]
			now, is := a[key]
			at := below(path, key)
			switch {
			case was && is:
				out = append(out, differences(old, now, at)...)
			case !passing(at):
				out = append(out, at)
			}
		}
		return out
	case []any:
		b, ok := before.([]any)
		if !ok || len(a) != len(b) {
			return []string{path}
		}
		var out []string
		for i := range a {
			out = append(out, differences(b[i], a[i], path+"["+strconv.Itoa(i)+"]")...)
		}
		return out
	}
	switch before.(type) {
	case map[string]any, []any:
		return []string{path}
	}
	if before != after {
		return []string{path}
	}
	return nil
}
