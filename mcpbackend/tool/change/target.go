package change

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// aim finds one named object. apiVersion "" lets discovery choose the kind, where
// there is no choice.
func aim(ctx context.Context, c *kube.Client, apiVersion, kind, namespace, name string) (target, error) {
	if err := tool.CheckName(name); err != nil {
		return target{}, err
	}
	if err := tool.CheckKind(apiVersion, kind); err != nil {
		return target{}, err
	}
	k, err := c.Resolve(ctx, apiVersion, kind)
	if err != nil {
		return target{}, err
	}
	if len(k.Others) > 0 { // nobody wants to lose what he did not mean
		others := make([]string, len(k.Others))
		for i, o := range k.Others {
			others[i] = answer.Quoted(o)
		}
		return target{}, answer.Mistake("several kinds are called %s: pass apiVersion %s, or one of %s.", answer.Quoted(k.Kind), k.APIVersion(), strings.Join(others, ", "))
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
	lost := []kube.Trouble{kube.Deadline, kube.Canceled, kube.Unreached, kube.Garbled, kube.TooLarge}
	return slices.Contains(lost, e.Trouble) || e.Trouble == kube.Failed && e.Status != 0
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
