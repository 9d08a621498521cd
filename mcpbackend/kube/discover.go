package kube

import (
	"encoding/json"
	"slices"
	"unsafe"
)

// verbSet are the verbs that a server offers for a kind.
type verbSet uint8

// Verbs that this room names for more than one reason.
const (
	verbCreate           = "create"
	verbDeleteCollection = "deletecollection"
	verbWatch            = "watch"
)

// verbNames are all verbs of resources that discovery names, a bit each.
var verbNames = [...]string{verbCreate, "delete", verbDeleteCollection, "get", "list", "patch", "update", verbWatch}

const everyVerb = verbSet(1<<len(verbNames) - 1)

func verbsOf(names []string) verbSet {
	var set verbSet
	for i, v := range verbNames {
		if slices.Contains(names, v) {
			set |= 1 << i
		}
	}
	return set
}

// kindFrom makes a Kind of what a server says, or refuses: names that are no DNS
// labels would become paths.
func kindFrom(group, version, kind, plural, singular string, short, verbs []string) (Kind, bool) {
	if !validLabel(plural) || !ValidKind(kind) {
		return Kind{}, false
	}
	k := Kind{Group: group, Version: version, Kind: kind, Resource: plural, verbs: verbsOf(verbs)}
	if validLabel(singular) {
		k.singular = singular
	}
	for _, s := range short {
		if validLabel(s) {
			k.short = append(k.short, s)
		}
	}
	return k, true
}

// add takes a kind into the page and counts what it weighs.
func (p *page) add(k Kind) {
	p.kinds = append(p.kinds, k)
	p.size += int(unsafe.Sizeof(k)) + len(k.Kind) + len(k.Resource) + len(k.singular)
	for _, s := range k.short {
		p.size += int(unsafe.Sizeof(s)) + len(s)
	}
}

// sentResource is a metav1.APIResource.
type sentResource struct {
	Name       string         `json:"name"`
	Singular   string         `json:"singularName"`
	Kind       string         `json:"kind"`
	Namespaced bool           `json:"namespaced"`
	ShortNames capped[string] `json:"shortNames"`
	Verbs      capped[string] `json:"verbs"`
}

// readGroup reads a metav1.APIResourceList. Subresources are left out.
func readGroup(body []byte, groupName, version string) (*page, error) {
	var list struct {
		Resources capped[sentResource] `json:"resources"`
	}
	list.Resources.limit = maxResources
	if err := decodeList(body, &list); err != nil {
		return nil, err
	}
	if list.Resources.more > 0 {
		return nil, &Error{Trouble: TooLarge, Detail: "the server lists more resources than any API has"}
	}
	p := &page{complete: true}
	for _, r := range list.Resources.items {
		if k, ok := kindFrom(groupName, version, r.Kind, r.Name, r.Singular, r.ShortNames.items, r.Verbs.items); ok {
			k.Namespaced = r.Namespaced
			p.add(k)
		}
	}
	return p, nil
}

// Aggregated discovery (KEP-3352): one answer describes every group. A server
// that does not know it answers with bare names.
const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList," +
	"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"

// sentGroup is one APIGroupDiscovery.
type sentGroup struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Versions capped[struct {
		Version   string          `json:"version"`
		Resources json.RawMessage `json:"resources"`
		Freshness string          `json:"freshness"`
	}] `json:"versions"`
}

// discovered is one APIResourceDiscovery.
type discovered struct {
	Resource     string `json:"resource"`
	ResponseKind struct {
		Kind string `json:"kind"`
	} `json:"responseKind"`
	Scope      string         `json:"scope"`
	Singular   string         `json:"singularResource"`
	ShortNames capped[string] `json:"shortNames"`
	Verbs      capped[string] `json:"verbs"`
}

// readAggregated reads an apidiscovery.k8s.io APIGroupDiscoveryList. What is over
// the limits is left out, and the page not complete.
func readAggregated(body []byte) (*page, error) {
	var list struct {
		Items capped[sentGroup] `json:"items"`
	}
	list.Items.limit = maxGroups
	if err := decodeList(body, &list); err != nil {
		return nil, err
	}
	p := &page{complete: list.Items.more == 0}
	versions, seen := 0, 0
	for _, item := range list.Items.items {
		name := item.Metadata.Name
		if name != "" && !validSubdomain(name) {
			continue
		}
		p.complete = p.complete && item.Versions.more == 0
		for _, v := range item.Versions.items {
			if versions++; versions > maxGroups || seen == maxResources {
				p.complete = false
				return p, nil
			}
			resources := capped[discovered]{limit: maxResources - seen}
			if len(v.Resources) > 0 {
				if err := json.Unmarshal(v.Resources, &resources); err != nil {
					return nil, garbled()
				}
			}
			seen += len(resources.items)
			p.complete = p.complete && resources.more == 0 && v.Freshness != "Stale"
			p.addDiscovered(name, v.Version, resources.items)
		}
	}
	return p, nil
}

func (p *page) addDiscovered(groupName, version string, resources []discovered) {
	if !validLabel(version) {
		return
	}
	for _, r := range resources {
		k, ok := kindFrom(groupName, version, r.ResponseKind.Kind, r.Resource, r.Singular, r.ShortNames.items, r.Verbs.items)
		if ok {
			k.Namespaced = r.Scope == "Namespaced"
			p.add(k)
		}
	}
}

// sentRoot is what a server without aggregated discovery says at /api
// (APIVersions) and /apis (APIGroupList): bare names.
type sentRoot struct {
	Kind     string         `json:"kind"`
	Versions capped[string] `json:"versions"`
	Groups   capped[struct {
		Name      string              `json:"name"`
		Preferred sentVersion         `json:"preferredVersion"`
		Versions  capped[sentVersion] `json:"versions"`
	}] `json:"groups"`
}

type sentVersion struct {
	Version string `json:"version"`
}

// groupVersion is one group/version that a server says it has.
type groupVersion struct{ group, version string }

// readRoot lists the group/versions of a root by bare names, the preferred one of
// each group first, then the others; legacy is false if the body is another kind.
func readRoot(body []byte) (found []groupVersion, complete, legacy bool) {
	var root sentRoot
	root.Groups.limit = maxGroups
	if decodeList(body, &root) != nil || !slices.Contains([]string{"APIVersions", "APIGroupList"}, root.Kind) {
		return nil, false, false
	}
	complete = root.Versions.more == 0 && root.Groups.more == 0
	var others []groupVersion
	for _, v := range root.Versions.items {
		if validLabel(v) {
			found = append(found, groupVersion{"", v})
		}
	}
	for _, g := range root.Groups.items {
		complete = complete && g.Versions.more == 0
		if !validSubdomain(g.Name) || !validLabel(g.Preferred.Version) {
			continue
		}
		found = append(found, groupVersion{g.Name, g.Preferred.Version})
		for _, v := range g.Versions.items {
			if v.Version != g.Preferred.Version && validLabel(v.Version) {
				others = append(others, groupVersion{g.Name, v.Version})
			}
		}
	}
	return append(found, others...), complete, true
}
