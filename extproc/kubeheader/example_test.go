package kubeheader_test

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// A request with three problems is refused with all of them.
func ExampleParse() {
	hosts, err := hostpolicy.New(hostpolicy.Config{Hosts: []string{"api.example.com"}})
	if err != nil {
		log.Fatal(err)
	}
	policy := &kubeheader.Policy{Hosts: hosts, AllowToken: true, PublicRoots: true}
	field := func(name, value string) kubeheader.Field {
		return kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(value))}
	}

	_, err = kubeheader.Parse(kubeheader.Request{Fields: []kubeheader.Field{
		field("kubernetes-authorization", "Bearer ${TOKEN}"),
		field("kubernetes-server", "http://api.example.com"),
		field("kubernetes-context", "dev"),
	}}, policy, time.Now())
	if rejection, ok := errors.AsType[*kubeheader.Rejection](err); ok {
		for _, p := range rejection.Problems {
			fmt.Println(p.Reason, p.Header)
		}
	}

	checked, err := kubeheader.Parse(kubeheader.Request{Fields: []kubeheader.Field{
		field("Kubernetes-Authorization", "abc.def"),
		field("Kubernetes-Server", "https://API.example.com:443/"),
	}}, policy, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	target, _ := checked.Target()
	fmt.Println(target.Server, checked)
	for _, f := range checked.Canonical() {
		fmt.Println(f.Name, f.Value)
	}

	// Output:
	// server-scheme kubernetes-server
	// placeholder kubernetes-authorization
	// unknown-header kubernetes-*
	// https://api.example.com kubeheader.Checked(token)
	// kubernetes-server [redacted]
	// kubernetes-authorization [redacted]
}

// Claims picks the headers that Parse has to see out of all of a request.
func ExampleClaims() {
	for _, name := range []string{"Kubernetes-Server", "kubernetes_server", "kubernetesfoo", "x-kubernetes-fingerprint"} {
		fmt.Println(name, kubeheader.Claims(name))
	}
	fmt.Println(http.CanonicalHeaderKey(kubeheader.Server))
	// Output:
	// Kubernetes-Server true
	// kubernetes_server true
	// kubernetesfoo true
	// x-kubernetes-fingerprint false
	// Kubernetes-Server
}
