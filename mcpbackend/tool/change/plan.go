package change

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// planned is a document whose kind and place are known.
type planned struct {
	target

	doc document
}

// plan finds out what every document means. Whatever is wrong with any of them
// is said at once, and nothing is written.
func plan(ctx context.Context, c *kube.Client, documents []document, namespace string) ([]planned, error) {
	var plans []planned
	var problems []string
	word := ""
	seen := map[string]string{}
	for _, d := range documents {
		p, err := d.locate(ctx, c, namespace)
		if err == nil {
			err = errors.Join(p.encoded(), p.once(seen))
		}
		if err == nil {
			plans = append(plans, p)
			continue
		}
		if trouble(err) != 0 { // the next one would fare no better
			return nil, failedPlan(answer.Word(err), []string{d.problem(err, documents)})
		}
		if word == "" {
			word = answer.Word(err)
		}
		problems = append(problems, d.problem(err, documents))
	}
	if len(problems) > 0 {
		return nil, failedPlan(word, problems)
	}
	return plans, nil
}

// maxProblems bounds how many documents are complained about.
const maxProblems = 10

func failedPlan(word string, problems []string) error {
	text := "Nothing was written.\n" + strings.Join(problems[:min(len(problems), maxProblems)], "\n")
	if more := len(problems) - maxProblems; more > 0 {
		text += fmt.Sprintf("\n-- and %d more documents --", more)
	}
	return answer.Advice(word, text)
}

// problem is one line about a document.
func (d document) problem(err error, all []document) string {
	text := fmt.Sprintf("%s (%s %s): %s", d.where, d.kind, d.label(), answer.Advise(err).Error())
	if maker := definer(all, d); maker != "" {
		text += " Its CustomResourceDefinition is " + maker + ": apply that alone first, then the rest."
	}
	return text
}

func (d document) label() string {
	if d.name == "" {
		return d.generateName + "*"
	}
	return d.name
}

// definer is the document that defines another's kind; "" if none does.
func definer(all []document, of document) string {
	group, _, _ := strings.Cut(of.apiVersion, "/")
	for _, d := range all {
		if d.kind != "CustomResourceDefinition" {
			continue
		}
		spec, _ := d.object["spec"].(map[string]any)
		names, _ := spec["names"].(map[string]any)
		if spec["group"] == group && names[fieldKind] == of.kind {
			return d.where
		}
	}
	return ""
}

// locate finds a document's kind and namespace.
func (d document) locate(ctx context.Context, c *kube.Client, namespace string) (planned, error) {
	k, err := c.Resolve(ctx, d.apiVersion, d.kind)
	if err != nil {
		return planned{}, err
	}
	if d.apiVersion == "" {
		return planned{}, answer.Mistake("apiVersion is missing; for this kind the cluster offers %s.", k.APIVersion())
	}
	if !k.Can("patch") && !k.Can("create") {
		return planned{}, tool.Cannot(k, "written", "")
	}
	t := target{kind: k, name: d.name}
	switch {
	case !k.Namespaced && d.namespace != "":
		return planned{}, answer.Mistake("this kind has no namespaces: leave metadata.namespace out.")
	case !k.Namespaced:
		t.scope = "in the cluster"
	case d.namespace != "":
		t.namespace, t.scope = d.namespace, "in namespace "+d.namespace
	case namespace != "":
		t.namespace, t.scope = namespace, "in namespace "+namespace
	case c.Namespace() != "":
		t.namespace, t.scope = c.Namespace(), "in namespace "+c.Namespace()+" (from the kubernetes-namespace header)"
	default:
		return planned{}, answer.Mistake("this kind lives in namespaces: set metadata.namespace, or call again with namespace.")
	}
	return planned{t, d}, nil
}

// once refuses an object that an earlier document is too: the later would undo
// what the earlier set.
func (p planned) once(seen map[string]string) error {
	if p.name == "" {
		return nil
	}
	key := strings.Join([]string{p.kind.Group, p.kind.Resource, p.namespace, p.name}, "\x00")
	if earlier, twice := seen[key]; twice {
		return answer.Mistake("this is the same object as %s: send it once.", earlier)
	}
	seen[key] = p.doc.where
	return nil
}

// encoded refuses a Secret whose data is no base64, which is a frequent mistake:
// an API server answers it with its own failure, and that says nothing of what
// was written.
func (p planned) encoded() error {
	data, _ := p.doc.object["data"].(map[string]any)
	if p.kind.Group != "" || p.kind.Resource != "secrets" {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(data)) {
		text, ok := data[key].(string)
		if _, err := base64.StdEncoding.DecodeString(text); ok && err != nil {
			return answer.Mistake("%s is not base64; plain text belongs under stringData.", answer.Quoted(below("data", key)))
		}
	}
	return nil
}

// waits reports whether an earlier document is the Namespace that this one is in.
func (p planned) waits(earlier []planned) bool {
	for _, e := range earlier {
		if e.kind.Group == "" && e.kind.Resource == "namespaces" && e.name == p.namespace {
			return true
		}
	}
	return false
}

// asSecret is an object that says whether it is a Secret also where a server or
// a short name did not.
func (p planned) asSecret(o map[string]any) map[string]any {
	if o == nil || p.kind.Group != "" || p.kind.Resource != "secrets" {
		return o
	}
	o = maps.Clone(o)
	o[fieldKind] = "Secret"
	return o
}

// scaled explains a conflict with this program itself: the scale of an object has
// a manager of its own.
func scaled(detail string) string {
	if strings.Contains(detail, `"`+manager+`" with subresource "scale"`) {
		return " resources_scale set spec.replicas: leave it out to keep that number."
	}
	return ""
}

// refusal is the sentence about a document that failed.
func (p planned) refusal(err error) string {
	e, ok := errors.AsType[*kube.Error](err)
	if !ok {
		return answer.Advise(err).Error()
	}
	said := ""
	if e.Detail != "" {
		said = " The server said: " + answer.Quoted(e.Detail)
	}
	metadata, _ := p.doc.object["metadata"].(map[string]any)
	switch {
	case e.Trouble == kube.Conflict && strings.Contains(e.Detail, "conflict with"):
		return "Other managers own fields that this would change: " + answer.Quoted(e.Detail) +
			". Leave those fields out; or, only if the user wants to take them over, call again with force true." + scaled(e.Detail)
	case e.Trouble == kube.Conflict && (metadata["resourceVersion"] != nil || metadata["uid"] != nil):
		return "The object is no longer the one that was read: get it again and make the change to that, or leave metadata.resourceVersion and metadata.uid out." + said
	case e.Trouble == kube.Invalid:
		return "The API server refuses the object; mend what it names." + said
	case e.Trouble == kube.NotFound:
		return "It cannot be there; most often its namespace does not exist." + said
	case e.Trouble == kube.Conflict:
		return "It was changed by somebody else meanwhile; try once more." + said
	}
	text := answer.Advise(err).Error()
	if doubtful(err) {
		text += " " + doubt
	}
	return text
}
