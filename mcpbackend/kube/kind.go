package kube

import (
	"slices"
	"strings"
)

// Kind is one kind of object that a server serves, and how to reach it.
type Kind struct {
	Group, Version, Kind string
	Resource             string // the plural in paths
	Namespaced           bool
	// Others are the apiVersions of other groups that have a kind of this name,
	// where Resolve had to choose.
	Others   []string
	singular string
	short    []string
	verbs    verbSet
}

// APIVersion is "version" or "group/version".
func (k Kind) APIVersion() string { return apiVersion(k.Group, k.Version) }

// Can reports whether the server offers the verb for this kind at all; whether
// the caller may use it is another question.
func (k Kind) Can(verb string) bool { return k.verbs&verbsOf([]string{verb}) != 0 }

// Verbs are those that the server offers for this kind, sorted.
func (k Kind) Verbs() []string {
	var out []string
	for i, v := range verbNames {
		if k.verbs&(1<<i) != 0 {
			out = append(out, v)
		}
	}
	return out
}

// Singular is the kind's name for one object; "" if the server gives none.
func (k Kind) Singular() string { return k.singular }

// ShortNames are the kind's short names, such as "po".
func (k Kind) ShortNames() []string { return slices.Clone(k.short) }

// named reports whether name means this kind, in any case.
func (k Kind) named(name string) bool {
	return strings.EqualFold(k.Kind, name) || strings.EqualFold(k.Resource, name) || strings.EqualFold(k.singular, name) ||
		slices.ContainsFunc(k.short, func(s string) bool { return strings.EqualFold(s, name) })
}

func apiVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// path begins a path to the kind's objects; namespace "" means all of them, or
// none if the kind has no namespaces.
func (k Kind) path(namespace string) []string {
	segments := groupPath(k.Group, k.Version)
	if k.Namespaced && namespace != "" {
		segments = append(segments, namespaces, namespace)
	}
	return append(segments, k.Resource)
}

// object is the path to one object.
func (k Kind) object(namespace, name string) ([]string, error) {
	if k.Namespaced && namespace == "" {
		return nil, &Error{Trouble: Invalid, Detail: "an object of this kind is in a namespace, and none was named"}
	}
	return append(k.path(namespace), name), nil
}

// Words of paths: the two roots of the API (the core group's, and that of all
// others), and what stands before a namespace, a kubelet and its logs.
const (
	core       = "api"
	groups     = "apis"
	namespaces = "namespaces"
	proxy      = "proxy"
	logs       = "logs"
)

func groupPath(group, version string) []string {
	if group == "" {
		return []string{core, version}
	}
	return []string{groups, group, version}
}
