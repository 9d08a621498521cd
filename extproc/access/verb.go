package access

import (
	"fmt"
	"slices"
	"strings"
)

// The verbs of RBAC.
const (
	get              = "get"
	list             = "list"
	watch            = "watch"
	create           = "create"
	update           = "update"
	patch            = "patch"
	del              = "delete"
	deleteCollection = "deletecollection"
)

// Verbs are the verbs that a rule can name, in the order of RBAC's documentation.
func Verbs() []string {
	return []string{get, list, watch, create, update, patch, del, deleteCollection}
}

func known(verb string) bool { return slices.Contains(Verbs(), verb) }

// CheckVerb says what is wrong with an item of verbs: a pattern has to match a verb.
func CheckVerb(s string) error {
	if err := characters(s, "a verb", "get", "abcdefghijklmnopqrstuvwxyz"); err != nil && strings.Contains(s, "*") {
		return err
	}
	p := pattern(strings.Split(s, "*"))
	if slices.ContainsFunc(Verbs(), p.match) {
		return nil
	}
	if meant := meantVerb(lower(s)); meant != "" {
		return fmt.Errorf("%q is no verb; write %s", s, meant)
	}
	return fmt.Errorf("%q is no verb; write some of %s", s, strings.Join(Verbs(), ", "))
}

// meantVerb is what the writer of an unknown verb means, "" if nobody can tell.
func meantVerb(s string) string {
	switch s {
	case "read", "view":
		return strings.Join(Verbs()[:3], ", ")
	case "write", "edit", "modify":
		return strings.Join(Verbs()[3:], ", ")
	case "apply":
		return "patch, create, update"
	case "post", "add":
		return create
	case "put", "replace":
		return update
	case "remove":
		return "delete, deletecollection"
	case "exec", "attach", "portforward", "proxy", "scale", "log", "logs":
		return fmt.Sprintf("%q under kinds", "*/"+strings.TrimSuffix(s, "s"))
	}
	closest, least := "", min(len(s), 3) // of a short text every letter can be replaced
	for _, verb := range Verbs() {
		if d := distance(s, verb); d < least {
			closest, least = verb, d
		}
	}
	return closest
}

// distance is how many letters must be added, removed or replaced to make one text of the
// other. Texts of very different lengths are far apart without a count.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// longName is what a short name of kubectl stands for; "" for any other text.
// A rule with one would never match.
func longName(s string) string {
	return map[string]string{
		"cj": "CronJob", "cm": "ConfigMap", "crd": "CustomResourceDefinition", "csr": "CertificateSigningRequest",
		"deploy": "Deployment", "ds": "DaemonSet", "ep": "Endpoints", "ev": "Event", "hpa": "HorizontalPodAutoscaler",
		"ing": "Ingress", "netpol": "NetworkPolicy", "no": "Node", "ns": "Namespace", "pc": "PriorityClass",
		"pdb": "PodDisruptionBudget", "po": "Pod", "pv": "PersistentVolume", "pvc": "PersistentVolumeClaim",
		"quota": "ResourceQuota", "rc": "ReplicationController", "rs": "ReplicaSet", "sa": "ServiceAccount",
		"sc": "StorageClass", "sts": "StatefulSet", "svc": "Service",
	}[s]
}
