package access

// where says in which namespaces a request is.
type where uint8

const (
	inNone     where = iota // an object or list of objects that have no namespace
	inOne                   // in the namespace that is named
	everywhere              // over all namespaces
)

// asked is a request made ready for matching: all in lower case.
type asked struct {
	verb        string
	connects    bool // a stream into a pod, whatever the method
	group       string
	groups      []string // what a deny takes for the group: it, and one that serves the same objects
	version     string
	resource    string
	subresource string
	names       []string // what a deny takes for the kind: plural, kind, the kind's plurals
	where       where
	namespace   string
	// namespaces says that the request lists namespaces, which shows each.
	namespaces bool
}

func ask(q Request) asked {
	a := asked{
		verb: lower(q.Verb), group: coreGroup(lower(q.Group)), version: lower(q.Version),
		resource: lower(q.Resource), subresource: lower(q.Subresource), namespace: lower(q.Namespace),
	}
	a.names = append(a.names, a.resource)
	if kind := lower(q.Kind); kind != "" {
		a.names = append(append(a.names, kind), plurals(kind)...)
	}
	a.groups = append(twins(a.group, a.resource), a.group)
	a.connects = a.group == "" && a.resource == "pods" && connecting(a.subresource)
	a.place(q)
	return a
}

// place finds out where the request is. The name counts for one object alone:
// in a list it is at most a selector, which any server may overlook.
func (a *asked) place(q Request) {
	single := q.Name != "" && !collection(a.verb)
	isNamespace := a.group == "" && a.resource == "namespaces"
	switch {
	case isNamespace && single:
		a.where, a.namespace = inOne, lower(q.Name)
	case isNamespace && (a.verb == list || a.verb == watch):
		a.namespaces = true // in none
	case a.namespace != "":
		a.where = inOne
	case isNamespace: // one that is made: the path does not say which
		a.where = everywhere
	case q.ClusterScoped || single: // in none
	default:
		a.where = everywhere
	}
}

// collection reports whether the verb is about many objects, or one whose name
// the path does not hold. So is a verb that is not known, to be on the safe side.
func collection(verb string) bool {
	switch verb {
	case get, update, patch, del:
		return false
	}
	return true
}

// connecting reports whether the subresource of a pod is a stream into it, for
// which RBAC's verb is create.
func connecting(subresource string) bool {
	switch subresource {
	case "exec", "attach", "portforward":
		return true
	}
	return false
}

// coreGroup gives the core group its one spelling.
func coreGroup(group string) string {
	if group == "core" {
		return ""
	}
	return group
}

// twins are the other groups in which API servers serve the very objects of the
// resource: events since Kubernetes 1.8, what left extensions before 1.22, and
// OpenShift's view of RBAC.
func twins(group, resource string) []string {
	const extensions = "extensions"
	var groups []string
	switch resource {
	case "events":
		groups = []string{"", "events.k8s.io"}
	case "deployments", "daemonsets", "replicasets":
		groups = []string{"apps", extensions}
	case "ingresses", "networkpolicies":
		groups = []string{"networking.k8s.io", extensions}
	case "podsecuritypolicies":
		groups = []string{"policy", extensions}
	case "roles", "rolebindings", "clusterroles", "clusterrolebindings":
		groups = []string{"rbac.authorization.k8s.io", "authorization.openshift.io"}
	}
	for i, g := range groups {
		if g == group {
			return []string{groups[1-i]}
		}
	}
	return nil
}

// lower is the text in lower case, of ASCII alone: no name of Kubernetes has
// other letters, and folding those would make two names one.
func lower(s string) string {
	for i := range len(s) {
		if c := s[i]; 'A' <= c && c <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if c := b[i]; 'A' <= c && c <= 'Z' {
					b[i] = c + 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
