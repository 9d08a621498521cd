package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// kubeContext is the chosen context with all that it points to.
type kubeContext struct {
	name    string
	context *api.Context
	cluster *api.Cluster
	user    *api.AuthInfo
	rest    *rest.Config // what kubectl would connect with
}

// openKubeconfig finds a context by the rules of kubectl: the file given, else
// the list in $KUBECONFIG, else ~/.kube/config; the context given, else the
// current one. Two things that client-go does besides are left out: it never
// moves a file from its old place, and never falls back to the service account
// of the pod it runs in, which no kubeconfig named.
func openKubeconfig(file, name string) (*kubeContext, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = file
	rules.MigrationRules = nil
	rules.WarnIfAllMissing = false
	config, err := rules.Load()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w; give --kubeconfig the path of a kubeconfig", err)
	case err != nil:
		return nil, unreadable(rules.GetLoadingPrecedence())
	case len(config.Contexts) == 0:
		return nil, fmt.Errorf("no context in %s; give --kubeconfig or $KUBECONFIG the path of a kubeconfig",
			strings.Join(rules.GetLoadingPrecedence(), ", "))
	}
	if name == "" {
		name = config.CurrentContext
	}
	if name == "" {
		return nil, errors.New("the kubeconfig has no current-context; choose one with --context (kubectl config get-contexts lists them)")
	}
	chosen := &kubeContext{name: name, context: config.Contexts[name]}
	if chosen.context == nil {
		return nil, fmt.Errorf("the kubeconfig has no context %q; choose another with --context (kubectl config get-contexts lists them)", name)
	}
	chosen.cluster, chosen.user = config.Clusters[chosen.context.Cluster], config.AuthInfos[chosen.context.AuthInfo]
	switch {
	case chosen.cluster == nil:
		return nil, fmt.Errorf("context %q names cluster %q, which the kubeconfig does not have; correct it or choose another with --context", name, chosen.context.Cluster)
	case chosen.user == nil:
		return nil, fmt.Errorf("context %q names user %q, which the kubeconfig does not have; correct it or choose another with --context", name, chosen.context.AuthInfo)
	}
	if err := chosen.unsupported(); err != nil {
		return nil, err
	}
	// Its errors hold names, paths and modes. Values could only come from
	// proxy-url, and that is refused above.
	overrides := &clientcmd.ConfigOverrides{CurrentContext: name}
	chosen.rest, err = clientcmd.NewNonInteractiveClientConfig(*config, name, overrides, rules).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("correct context %q in the kubeconfig: %w", name, err)
	}
	return chosen, nil
}

// atLine is the part of a YAML error that holds nothing of the file.
var atLine = regexp.MustCompile(`\bline \d+\b`)

// unreadable says which of these files cannot be read. The errors of decoders
// quote what they choke on, which may be a token: only the line is taken over.
func unreadable(files []string) error {
	for _, file := range files {
		_, err := clientcmd.LoadFromFile(file)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if failed := (*os.PathError)(nil); errors.As(err, &failed) {
			return fmt.Errorf("%w; give --kubeconfig the path of a kubeconfig", failed)
		}
		where := file
		if line := atLine.FindString(err.Error()); line != "" {
			where += " near " + line
		}
		return fmt.Errorf("%s is not a kubeconfig (YAML of kind Config, *-data in base64); correct it until kubectl config view accepts it", where)
	}
	return errors.New("the kubeconfig files do not fit together; give one of them to --kubeconfig")
}

// unsupported names a field of the context that no header can carry. To leave
// it out would act as somebody else or reach some other server.
func (k *kubeContext) unsupported() error {
	c, u := k.cluster, k.user
	switch {
	case c.ProxyURL != "":
		return fmt.Errorf("cluster %q has proxy-url, and the endpoint connects without a proxy; use a context whose server it can reach", k.context.Cluster)
	case c.InsecureSkipTLSVerify && (c.CertificateAuthority != "" || len(c.CertificateAuthorityData) > 0):
		return fmt.Errorf("cluster %q has insecure-skip-tls-verify and certificate-authority, which exclude each other; remove the first to verify the server", k.context.Cluster)
	}
	user := k.context.AuthInfo
	for _, impersonation := range []struct {
		field string
		set   bool
	}{
		{"as", u.Impersonate != ""},
		{"as-uid", u.ImpersonateUID != ""},
		{"as-groups", len(u.ImpersonateGroups) > 0},
		{"as-user-extra", len(u.ImpersonateUserExtra) > 0},
	} {
		if impersonation.set {
			return fmt.Errorf("user %q has %s, and no header impersonates; use a context with that user's own credential", user, impersonation.field)
		}
	}
	switch {
	case u.Username != "":
		return fmt.Errorf("user %q has username, and Kubernetes knows no basic authentication any more; use a token, a client certificate or an exec plugin", user)
	case u.Password != "":
		return fmt.Errorf("user %q has password, and Kubernetes knows no basic authentication any more; use a token, a client certificate or an exec plugin", user)
	case u.AuthProvider != nil:
		return fmt.Errorf("user %q has auth-provider, which kubectl does not support any more; replace it by the exec plugin of your provider", user)
	}
	return nil
}
