package kube

import (
	"slices"
	"strings"
)

// Groups that this room names for more than one reason.
const (
	authenticationGroup = "authentication.k8s.io"
	authorizationGroup  = "authorization.k8s.io"
	metricsGroup        = "metrics.k8s.io"
)

// wellKnown are the kinds that everybody means by their names, as Kubernetes
// 1.37 serves them. They say which group to look into, so that a word such as
// "deploy" costs no discovery of all groups; whether a server has them it says
// itself. Of kinds with one name, the first here wins: Event is core's.
//
// The order is core, then what a stock API server serves, then extensions that
// most clusters have. Plurals that are core's (pods.metrics.k8s.io) are left out.
var wellKnown = [...]struct {
	group, version string
	cluster        bool     // the kinds have no namespaces
	kinds          []string // Kind, plural, short names
}{
	{"", "v1", false, []string{
		"Pod pods po", "Service services svc", "ConfigMap configmaps cm", "Secret secrets", "Event events ev",
		"PersistentVolumeClaim persistentvolumeclaims pvc", "ServiceAccount serviceaccounts sa", "Endpoints endpoints ep",
		"LimitRange limitranges limits", "ResourceQuota resourcequotas quota",
		"ReplicationController replicationcontrollers rc", "PodTemplate podtemplates",
	}},
	{"", "v1", true, []string{"Namespace namespaces ns", "Node nodes no", "PersistentVolume persistentvolumes pv", "ComponentStatus componentstatuses cs"}},
	{"apps", "v1", false, []string{
		"Deployment deployments deploy", "StatefulSet statefulsets sts", "DaemonSet daemonsets ds",
		"ReplicaSet replicasets rs", "ControllerRevision controllerrevisions",
	}},
	{"batch", "v1", false, []string{"Job jobs", "CronJob cronjobs cj"}},
	{"networking.k8s.io", "v1", false, []string{"Ingress ingresses ing", "NetworkPolicy networkpolicies netpol"}},
	{"networking.k8s.io", "v1", true, []string{"IngressClass ingressclasses", "IPAddress ipaddresses ip", "ServiceCIDR servicecidrs"}},
	{"autoscaling", "v2", false, []string{"HorizontalPodAutoscaler horizontalpodautoscalers hpa"}},
	{"policy", "v1", false, []string{"PodDisruptionBudget poddisruptionbudgets pdb"}},
	{"rbac.authorization.k8s.io", "v1", false, []string{"Role roles", "RoleBinding rolebindings"}},
	{"rbac.authorization.k8s.io", "v1", true, []string{"ClusterRole clusterroles", "ClusterRoleBinding clusterrolebindings"}},
	{"storage.k8s.io", "v1", true, []string{
		"StorageClass storageclasses sc", "VolumeAttachment volumeattachments", "CSIDriver csidrivers", "CSINode csinodes",
		"VolumeAttributesClass volumeattributesclasses vac",
	}},
	{"storage.k8s.io", "v1", false, []string{"CSIStorageCapacity csistoragecapacities"}},
	{"discovery.k8s.io", "v1", false, []string{"EndpointSlice endpointslices"}},
	{"coordination.k8s.io", "v1", false, []string{"Lease leases"}},
	{"scheduling.k8s.io", "v1", true, []string{"PriorityClass priorityclasses pc"}},
	{"node.k8s.io", "v1", true, []string{"RuntimeClass runtimeclasses"}},
	{"certificates.k8s.io", "v1", true, []string{"CertificateSigningRequest certificatesigningrequests csr"}},
	{"admissionregistration.k8s.io", "v1", true, []string{
		"MutatingWebhookConfiguration mutatingwebhookconfigurations", "ValidatingWebhookConfiguration validatingwebhookconfigurations",
		"ValidatingAdmissionPolicy validatingadmissionpolicies", "ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings",
	}},
	{"flowcontrol.apiserver.k8s.io", "v1", true, []string{
		"FlowSchema flowschemas", "PriorityLevelConfiguration prioritylevelconfigurations",
	}},
	{"apiregistration.k8s.io", "v1", true, []string{"APIService apiservices"}},
	{"apiextensions.k8s.io", "v1", true, []string{"CustomResourceDefinition customresourcedefinitions crd crds"}},
	{metricsGroup, "v1beta1", false, []string{"PodMetrics"}},
	{metricsGroup, "v1beta1", true, []string{"NodeMetrics"}},
}

// wellKnownKind is the kind that a name means, in any case.
func wellKnownKind(name string) (Kind, bool) {
	for _, g := range wellKnown {
		for _, names := range g.kinds {
			words := strings.Fields(names)
			if !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, name) }) {
				continue
			}
			return builtIn(g.group, g.version, !g.cluster, words), true
		}
	}
	return Kind{}, false
}

func builtIn(group, version string, namespaced bool, words []string) Kind {
	k := Kind{
		Group: group, Version: version, Kind: words[0], Namespaced: namespaced,
		singular: strings.ToLower(words[0]), verbs: everyVerb,
	}
	if len(words) > 1 {
		k.Resource, k.short = words[1], words[2:]
	} else { // the two kinds of metrics
		k.Resource = metered(words[0])
	}
	return k
}

// metered is the plural of PodMetrics and NodeMetrics.
func metered(kind string) string { return strings.ToLower(strings.TrimSuffix(kind, "Metrics")) + "s" }

// builtInGroup reports whether Kubernetes itself, not an extension, serves the
// group.
func builtInGroup(group string) bool {
	switch group {
	case metricsGroup:
		return false
	case authenticationGroup, authorizationGroup, "events.k8s.io", "extensions",
		"internal.apiserver.k8s.io", "resource.k8s.io", "storagemigration.k8s.io": // none of their kinds is well known
		return true
	}
	for _, g := range wellKnown {
		if g.group == group {
			return true
		}
	}
	return false
}
