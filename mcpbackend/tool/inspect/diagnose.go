package inspect

import (
	"cmp"
	"context"
	"slices"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

type diagnoseIn struct {
	Kind       string `json:"kind,omitempty" jsonschema:"left out: the whole namespace"`
	Name       string `json:"name,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	APIVersion string `json:"apiVersion,omitempty"`
}

// Diagnosis is the structured part of diagnose. What the findings say is in the
// text.
type Diagnosis struct {
	Healthy   bool      `json:"healthy"` // nothing is wrong, and all could be read
	Findings  []Finding `json:"findings"`
	Unread    []string  `json:"unread,omitempty"`
	Truncated bool      `json:"truncated,omitempty"`
}

// Finding is one thing that is wrong.
type Finding struct {
	Severity string `json:"severity"` // error, warning or info
	Object   string `json:"object"`   // Kind/name
	Reason   string `json:"reason"`
}

func diagnoseTool() tool.Tool {
	return tool.New(mcp.Tool{
		Name: "diagnose", Title: "Diagnose",
		Description:  "Finds out what is not ready and why, for one object (a workload, Pod, Service, PersistentVolumeClaim, Node, …) or a whole namespace: findings with next steps, owners, last warnings and the crashed container's log in one answer. Start here when something does not work.",
		OutputSchema: tool.Output[Diagnosis]("healthy", "findings", "unread"),
	}, tool.Options{Toolset: tool.Core}, diagnose)
}

func diagnose(ctx context.Context, c *kube.Client, in diagnoseIn) (string, Diagnosis, error) {
	s := newSurvey(ctx, c)
	r := report{survey: s, warned: maxWarnings}
	var err error
	switch {
	case in.Kind == "" && in.Name != "":
		return "", Diagnosis{}, answer.Mistake("name needs a kind, such as Deployment or Pod. Leave both out to diagnose a namespace.")
	case in.Kind == "":
		err = r.namespace(in.Namespace)
	case in.Name == "":
		return "", Diagnosis{}, answer.Mistake("kind needs a name: which object? resources_list shows them. Leave both out to diagnose a namespace.")
	default:
		err = r.workload(in)
	}
	if err = cmp.Or(err, answer.Ended(ctx), s.failed()); err != nil {
		return "", Diagnosis{}, err
	}
	text, out := r.write()
	return text, out, answer.Ended(ctx)
}

// namespace looks at everything in one.
func (r *report) namespace(asked string) error {
	kind, err := r.c.Resolve(r.ctx, "v1", podKind)
	if err != nil {
		return err
	}
	namespace, scope, err := tool.GetScope(r.c, kind, asked)
	if err != nil {
		return err
	}
	r.scope = "Everything " + scope
	r.everything(namespace, true)
	if len(r.pods) == 0 && len(r.findings) == 0 && r.broken == nil && r.c.Namespace() != namespace {
		// A namespace that does not exist lists as empty.
		if o := r.one("v1", "Namespace", "", namespace); o == nil {
			r.notes = append(r.notes, "nothing was found: check that the namespace exists")
		}
	}
	r.logs(maxLogs)
	return nil
}

// everything judges what is in a namespace; "" is all of them.
func (r *report) everything(namespace string, events bool) {
	tool.Step(r.ctx, "reading Pods")
	r.pods = r.all("v1", podKind, namespace, "", "", podPages)
	tool.Step(r.ctx, "reading workloads")
	for _, k := range [][2]string{{appsV1, deploymentKind}, {appsV1, statefulSetKind}, {appsV1, daemonSetKind}, {batchV1, jobKind}, {batchV1, cronJobKind}} {
		r.judge(r.all(k[0], k[1], namespace, "", "", 1)...)
	}
	r.judge(r.pods...)
	tool.Step(r.ctx, "reading volumes and services")
	r.judge(r.all("v1", claimKind, namespace, "", "", 1)...)
	r.services(namespace)
	if events {
		tool.Step(r.ctx, "reading warnings")
		r.events = r.warnings(namespace, "")
	}
}

// services looks for those behind which nobody answers.
func (r *report) services(namespace string) {
	services := r.all("v1", serviceKind, namespace, "", "", 1)
	r.judge(services...)
	if !slices.ContainsFunc(services, func(s map[string]any) bool { return dig(s, "spec", "selector") != nil }) {
		return
	}
	before := len(r.unread) + len(r.notes)
	behind := map[string][]map[string]any{}
	for _, s := range r.all("discovery.k8s.io/v1", "EndpointSlice", namespace, "", "", 1) {
		key := text(s, "metadata", "namespace") + "/" + text(s, "metadata", "labels", "kubernetes.io/service-name")
		behind[key] = append(behind[key], s)
	}
	if len(r.unread)+len(r.notes) > before {
		return // what was not seen is not missing
	}
	for _, s := range services {
		r.findings = append(r.findings, endpointFindings(s, behind[text(s, "metadata", "namespace")+"/"+text(s, "metadata", "name")])...)
	}
}

// workload looks at one object and what belongs to it.
func (r *report) workload(in diagnoseIn) error {
	kind, namespace, scope, err := object(r.ctx, r.c, in.APIVersion, in.Kind, in.Namespace, in.Name)
	if err != nil {
		return err
	}
	if kind.Group == "" && kind.Kind == "Namespace" {
		return r.namespace(in.Name)
	}
	if !kind.Can("get") {
		return tool.Cannot(kind, "read by name", "")
	}
	tool.Step(r.ctx, "reading the object")
	o, err := r.c.Get(r.ctx, kind, namespace, in.Name)
	if err != nil {
		return err
	}
	o, r.read = typed(o, kind), true
	r.scope, r.wide = kind.Kind+" "+in.Name+" "+scope, !kind.Namespaced
	r.judge(o)
	r.chain(o, namespace)
	tool.Step(r.ctx, "reading what belongs to it")
	own := r.parts(o, kind, namespace)
	r.judge(r.pods...)
	tool.Step(r.ctx, "reading warnings")
	r.related(o, kind, namespace, in.Name, append(own, r.pods...))
	r.logs(maxLogs)
	return nil
}

// parts finds the Pods of an object, and what stands between; a Pod is its own.
func (r *report) parts(o map[string]any, kind kube.Kind, namespace string) (between []map[string]any) {
	if selector := selectorOf(o); selector != "" && kind.Namespaced {
		switch kind.Kind {
		case deploymentKind:
			between = r.ownedBy(o, r.all(appsV1, replicaSetKind, namespace, selector, "", 1))
			for _, b := range between {
				if text(b, "kind") == replicaSetKind && conditionOf(b, "ReplicaFailure").status == conditionTrue {
					r.judge(b)
				}
			}
		case serviceKind:
			before := len(r.unread)
			behind := r.all("discovery.k8s.io/v1", "EndpointSlice", namespace, "kubernetes.io/service-name="+text(o, "metadata", "name"), "", 1)
			if len(r.unread) == before {
				r.findings = append(r.findings, endpointFindings(o, behind)...)
			}
		}
		r.pods = r.all("v1", podKind, namespace, selector, "", podPages)
		return between
	}
	switch kind.Kind {
	case cronJobKind:
		between = r.ownedBy(o, r.all(batchV1, jobKind, namespace, "", "", 1))
		slices.SortStableFunc(between, func(a, b map[string]any) int {
			return moment(b, "metadata", "creationTimestamp").Compare(moment(a, "metadata", "creationTimestamp"))
		})
		between = between[:min(len(between), 3)]
		r.judge(between...)
		if len(between) > 0 {
			if selector := selectorOf(between[0]); selector != "" {
				r.pods = r.all("v1", podKind, namespace, selector, "", 1)
			}
		}
	case nodeKind:
		r.pods = r.all("v1", podKind, "", "", "spec.nodeName="+text(o, "metadata", "name"), podPages)
	}
	return between
}

// ownedBy keeps those whose controller is o.
func (r *report) ownedBy(o map[string]any, all []map[string]any) []map[string]any {
	uid := text(o, "metadata", "uid")
	return slices.DeleteFunc(all, func(a map[string]any) bool { return ownerOf(a).uid != uid || uid == "" })
}

// maxOwners bounds the chain of owners.
const maxOwners = 4

// chain follows the owners up.
func (r *report) chain(o map[string]any, namespace string) {
	r.owners = []string{text(o, "kind") + "/" + text(o, "metadata", "name")}
	for range maxOwners {
		up := ownerOf(o)
		if up.name == "" {
			return
		}
		r.owners = append(r.owners, up.kind+"/"+up.name)
		if o = r.one(up.apiVersion, up.kind, namespace, up.name); o == nil {
			return
		}
		r.judge(o)
	}
}

// related keeps the warnings about these objects.
func (r *report) related(o map[string]any, kind kube.Kind, namespace, name string, parts []map[string]any) {
	if !kind.Namespaced { // events of such objects are in a namespace of their own
		r.events = r.warnings("", "involvedObject.kind="+kind.Kind+",involvedObject.name="+name)
		return
	}
	uids := map[string]bool{}
	for _, p := range append(parts, o) {
		uids[text(p, "metadata", "uid")] = true
	}
	delete(uids, "")
	r.events = slices.DeleteFunc(r.warnings(namespace, ""), func(w warning) bool { return !uids[w.uid] })
}
