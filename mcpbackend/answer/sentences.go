package answer

import "kubernetes-mcp-edge/mcpbackend/kube"

// sentence is what a failed call says: what happened, and what to do next.
type sentence struct {
	text   string
	quotes bool // the server's own words follow, if there are any
}

// sentences are those of each Trouble. A call without one says that of Failed.
var sentences = [...]sentence{
	kube.Expired:      {"The credential in the request's headers has expired. Do not retry: ask the user to renew it and to reconnect.", false},
	kube.Refused:      {"The operator's address policy does not let this endpoint connect to the address of kubernetes-server. Do not retry: ask the user to name another cluster, or the operator to open the address.", false},
	kube.Unresolved:   {"The host name in kubernetes-server does not resolve. Ask the user to check the URL.", false},
	kube.Unreached:    {"The API server could not be reached (connection refused or lost). Try once more; if it fails again, ask the user whether the cluster is up and the URL and port are right.", false},
	kube.Untrusted:    {"The API server's certificate could not be verified, or TLS failed. Ask the user to check that kubernetes-certificate-authority-data belongs to this cluster and that the host name is in the certificate (kubernetes-tls-server-name names another).", true},
	kube.Deadline:     {"The API server did not answer in time. Try once more with a narrower question: one namespace, a labelSelector or a smaller limit.", false},
	kube.Canceled:     {"The call was canceled.", false},
	kube.ReadOnly:     {"This endpoint only reads: its operator lets no call change anything or run commands. Do not retry; tell the user what you would have done.", true},
	kube.Denied:       {"The operator of this endpoint does not allow that, whatever the cluster's RBAC says. Do not retry: tell the user what you were not allowed to do.", true},
	kube.Busy:         {"Too many calls to this cluster are under way. Wait a moment, then try again.", false},
	kube.Unauthorized: {"The API server does not accept the credential in the request's headers: it is expired, revoked or for another cluster. Do not retry: ask the user to renew it.", true},
	kube.Forbidden:    {"The cluster's RBAC does not allow this to the caller. Use a namespace that the caller may read, or call whoami to see who that is.", true},
	kube.NotFound:     {"There is no such object. List what exists with resources_list.", true},
	kube.NoSuchAPI:    {"This cluster does not offer that API. Check apiVersion and kind.", true},
	kube.Gone:         {"The continue token is too old. Start the list again without continue.", false},
	kube.Unsupported:  {"This cluster's API does not offer that for this kind, whoever asks. Do not retry.", true},
	kube.Invalid:      {"The API server refused the request: check the arguments, above all the selectors.", true},
	kube.Conflict:     {"The object was changed meanwhile, or another manager owns what this call would set. Get the object again and leave out what is not yours; only if the user wants to take the fields over, apply again with force.", true},
	kube.Exists:       {"There is an object of that name already. Get it first, then choose another name or apply the change to it.", true},
	kube.Redirected:   {"The API server answered with a redirect, which is never followed. Ask the user to check kubernetes-server: it must be the API server itself.", false},
	kube.TooLarge:     {"The answer is too large to read. Ask for less: one namespace, a labelSelector, a fieldSelector or a smaller limit.", false},
	kube.Garbled:      {"What answered at kubernetes-server is not a Kubernetes API, or a broken one. Ask the user to check the URL.", false},
	kube.Failed:       {"The API server could not answer. Try once more; if it fails again, tell the user.", true},
}

// deniedEverywhere is what Denied says where the operator's rules let a part of
// what was asked pass.
var deniedEverywhere = sentence{"The operator of this endpoint does not allow that in all namespaces at once, whatever the cluster's RBAC says. In one of them it may be allowed: call again with the namespace that the user works in.", true}
