package answer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

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

// trouble says what to do about each Trouble.
func trouble(e *kube.Error) string {
	said := ""
	if e.Detail != "" {
		said = " The server said: " + Quoted(e.Detail)
	}
	switch e.Trouble {
	case kube.Expired:
		return "The credential in the request's headers has expired. Do not retry: ask the user to renew it and to reconnect."
	case kube.Refused:
		return "The operator's address policy does not let this endpoint connect to the address of kubernetes-server. Do not retry: ask the user to name another cluster, or the operator to open the address."
	case kube.Unresolved:
		return "The host name in kubernetes-server does not resolve. Ask the user to check the URL."
	case kube.Unreached:
		return "The API server could not be reached (connection refused or lost). Try once more; if it fails again, ask the user whether the cluster is up and the URL and port are right."
	case kube.Untrusted:
		return "The API server's certificate could not be verified, or TLS failed. Ask the user to check that kubernetes-certificate-authority-data belongs to this cluster and that the host name is in the certificate (kubernetes-tls-server-name names another)." + said
	case kube.Deadline:
		return "The API server did not answer in time. Try once more with a narrower question: one namespace, a labelSelector or a smaller limit."
	case kube.Canceled:
		return "The call was canceled."
	case kube.ReadOnly:
		return "This endpoint only reads: its operator lets no call change anything or run commands. Do not retry; tell the user what you would have done." + said
	case kube.Denied:
		return "The operator of this endpoint does not allow that, whatever the cluster's RBAC says. Do not retry." + said
	case kube.Busy:
		return "Too many calls to this cluster are under way. Wait a moment, then try again."
	case kube.Unauthorized:
		return "The API server does not accept the credential in the request's headers: it is expired, revoked or for another cluster. Do not retry: ask the user to renew it." + said
	case kube.Forbidden:
		return "The cluster's RBAC does not allow this to the caller. Use a namespace that the caller may read, or call whoami to see who that is." + said
	case kube.NotFound:
		return "There is no such object. List what exists with resources_list." + said
	case kube.NoSuchAPI:
		return "This cluster does not offer that API. Check apiVersion and kind." + said
	case kube.Gone:
		return "The continue token is too old. Start the list again without continue."
	case kube.Unsupported:
		return "This cluster's API does not offer that for this kind, whoever asks. Do not retry." + said
	case kube.Invalid:
		return "The API server refused the request: check the arguments, above all the selectors." + said
	case kube.Conflict:
		return "The object was changed meanwhile, or another manager owns what this call would set. Get the object again and leave out what is not yours; only if the user wants to take the fields over, apply again with force." + said
	case kube.Exists:
		return "There is an object of that name already. Get it first, then choose another name or apply the change to it." + said
	case kube.Redirected:
		return "The API server answered with a redirect, which is never followed. Ask the user to check kubernetes-server: it must be the API server itself."
	case kube.TooLarge:
		return "The answer is too large to read. Ask for less: one namespace, a labelSelector, a fieldSelector or a smaller limit."
	case kube.Garbled:
		return "What answered at kubernetes-server is not a Kubernetes API, or a broken one. Ask the user to check the URL."
	case kube.Failed:
	}
	return "The API server could not answer. Try once more; if it fails again, tell the user." + said
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
