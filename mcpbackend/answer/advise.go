package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/mcpbackend/kube"
)

// advice is an error whose text is made for the model: what happened, and what
// to do next. word is for the audit line; "" means that the arguments were wrong.
type advice struct{ text, word string }

// Error is the text for the model.
func (a *advice) Error() string { return a.text }

// Advice is an error that says text to the model and word to the audit line.
func Advice(word, text string) error { return &advice{text: text, word: word} }

// Mistake is advice about the arguments of a call.
func Mistake(format string, args ...any) error {
	return &advice{text: fmt.Sprintf(format, args...)}
}

// maxQuoted bounds text of the caller or the server inside a sentence, in bytes.
const maxQuoted = 300

// Quoted is foreign text that can stand in a sentence.
func Quoted(s string) string { return Line(Redact(Clean(s)), maxQuoted) }

// headersToSend says what an anonymous caller lacks.
const headersToSend = "This request carried no kubernetes-* headers, so there is no cluster to ask. " +
	"Tell the user to configure the MCP client to send " + kubeheader.Server + " (the API server's https URL), " +
	kubeheader.CertificateAuthority + " (base64 of its CA certificate) and a credential: either " +
	kubeheader.Authorization + " (a bearer token) or both " + kubeheader.ClientCertificate + " and " + kubeheader.ClientKey +
	"; then call again."

// Advise turns what kube answers into a sentence. What it does not know says
// nothing: an unknown error may hold anything.
func Advise(err error) error {
	var own *advice
	var unknown *kube.UnknownKindError
	var e *kube.Error
	text := "The call failed inside the server; try once more, and tell the user if it fails again."
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, kube.ErrAnonymous):
		text = headersToSend
	case errors.As(err, &unknown):
		text = unknownKind(unknown)
	case errors.As(err, &e):
		text = trouble(e)
	}
	return &advice{text: text}
}

// Word is what the audit line says of an error.
func Word(err error) string {
	var own *advice
	var unknown *kube.UnknownKindError
	var e *kube.Error
	switch {
	case errors.As(err, &own):
		return cmp.Or(own.word, "arguments")
	case errors.Is(err, kube.ErrAnonymous):
		return "anonymous"
	case errors.As(err, &unknown):
		return "unknown-kind"
	case errors.As(err, &e):
		return e.Trouble.String()
	}
	return "internal"
}

func unknownKind(e *kube.UnknownKindError) string {
	text := fmt.Sprintf("This cluster has no kind %q.", Quoted(e.Kind))
	if e.APIVersion != "" {
		text = fmt.Sprintf("This cluster has no kind %q in apiVersion %q.", Quoted(e.Kind), Quoted(e.APIVersion))
	}
	if e.Incomplete {
		text = fmt.Sprintf("The parts of this cluster's API that answer have no kind %q; others do not answer now. If the user is sure of it, call again with its apiVersion.", Quoted(e.Kind))
	}
	if len(e.Suggestions) == 0 {
		return text + " Check the spelling; CustomResourceDefinitions can be listed with resources_list, apiVersion apiextensions.k8s.io/v1."
	}
	near := make([]string, len(e.Suggestions))
	for i, s := range e.Suggestions {
		near[i] = Quoted(s)
	}
	return text + " Call again with one of these (apiVersion kind): " + strings.Join(near, "; ") + "."
}

// trouble says what to do about each Trouble, and what the server said of it
// where that helps.
func trouble(e *kube.Error) string {
	advised := sentences[kube.Failed]
	if int(e.Trouble) < len(sentences) && sentences[e.Trouble].text != "" {
		advised = sentences[e.Trouble]
	}
	if denied, ok := errors.AsType[*access.Denied](e); ok && denied.NameOne {
		advised = deniedEverywhere
	}
	if advised.quotes && e.Detail != "" {
		return advised.text + " The server said: " + Quoted(e.Detail)
	}
	return advised.text
}

// Ended is an error once the call's time is over: what was made until then is
// a part that does not know it.
func Ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return &kube.Error{Trouble: kube.Deadline}
	}
	return &kube.Error{Trouble: kube.Canceled}
}
