package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"kubernetes-mcp-edge/mcpbackend/answer"
	"kubernetes-mcp-edge/mcpbackend/kube"
	"kubernetes-mcp-edge/mcpbackend/tool"
)

// target is one object that a tool is about to change.
type target struct {
	kind      kube.Kind
	namespace string
	name      string
	scope     string // where it is, and who said so
}

// String names the object in a sentence.
func (t target) String() string {
	return fmt.Sprintf("%s %s (%s) %s", answer.Quoted(t.kind.Kind), t.name, t.kind.APIVersion(), t.scope)
}

// resolve finds the kind; apiVersion "" lets discovery choose.
func resolve(ctx context.Context, c *kube.Client, apiVersion, kind string) (kube.Kind, error) {
	if err := tool.CheckKind(cmp.Or(apiVersion, "v1"), kind); err != nil {
		return kube.Kind{}, err
	}
	return c.Resolve(ctx, apiVersion, kind)
}

// aim finds one named object for a tool that needs the verb.
func aim(ctx context.Context, c *kube.Client, apiVersion, kind, namespace, name string) (target, error) {
	if err := tool.CheckName(name); err != nil {
		return target{}, err
	}
	if namespace != "" && !kube.ValidNamespace(namespace) {
		return target{}, answer.Mistake("namespace is not the name of a namespace: use lower-case letters, digits and dashes, at most 63.")
	}
	k, err := resolve(ctx, c, apiVersion, kind)
	if err != nil {
		return target{}, err
	}
	t := target{kind: k, name: name}
	t.namespace, t.scope, err = tool.GetScope(c, k, namespace)
	return t, err
}

// doubtful reports whether a write may have happened although it failed: it was
// sent, and what came back says nothing about it.
func doubtful(err error) bool {
	e, ok := errors.AsType[*kube.Error](err)
	if !ok {
		return false
	}
	switch e.Trouble {
	case kube.Deadline, kube.Canceled, kube.Unreached, kube.Garbled, kube.TooLarge:
		return true
	}
	return e.Trouble == kube.Failed && e.Status != 0
}

// doubt is what to do then.
const doubt = "Whether it happened is not known: look before you do it again."

// failure is the advice about a write that failed, with doubt where it is due.
func failure(what string, err error) error {
	text := what + ": " + answer.Advise(err).Error()
	if doubtful(err) {
		text += " " + doubt
	}
	return answer.Advice(answer.Word(err), text)
}
