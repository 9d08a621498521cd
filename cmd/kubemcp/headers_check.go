package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

// preview runs the check of the edge under a policy that opens all that these
// headers ask for: what fails here fails under every policy. The error is a
// *kubeheader.Rejection, unless the embedded address tables are broken.
func preview(server string, fields []kubeheader.Field, now time.Time) (kubeheader.Checked, error) {
	policy, err := permissive(server)
	if err != nil {
		return kubeheader.Checked{}, err
	}
	return kubeheader.Parse(kubeheader.Request{Fields: fields}, policy, now)
}

// permissive is a policy that allows this server, whatever it is, and every
// credential and option. A host that no policy can name stays out of it: the
// check then says what is wrong with the URL.
func permissive(server string) (*kubeheader.Policy, error) {
	open, host := hostpolicy.Config{AnyPublic: true}, ""
	if u, err := url.Parse(server); err == nil {
		host = strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
		if a, err := netip.ParseAddr(host); err == nil {
			host = a.Unmap().String()
		}
		if hostpolicy.CheckHost(host) == nil {
			open.Hosts = []string{host}
		}
		if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil && port > 0 {
			open.Ports = []uint16{uint16(port)}
		}
	}
	hosts, err := hostpolicy.New(open)
	if err != nil {
		return nil, err
	}
	return &kubeheader.Policy{
		Hosts:                  hosts,
		InsecureHosts:          []string{host},
		PathPrefixes:           []string{"/"},
		AllowToken:             true,
		AllowClientCertificate: true,
		AllowTLSServerName:     true,
		PublicRoots:            true,
	}, nil
}

// refused makes a rejection the command's error: its sentences, one a line.
// They repeat nothing of the values. client-go reads neither credential nor CA
// for a server that is not an https URL; with serverAlone, that these are
// missing is left out, for it only follows.
func refused(context string, serverAlone bool, err error) error {
	rejection := (*kubeheader.Rejection)(nil)
	if !errors.As(err, &rejection) {
		return err
	}
	problems := rejection.Problems
	if serverAlone {
		problems = slices.DeleteFunc(slices.Clone(problems), func(p kubeheader.Problem) bool {
			return p.Header != kubeheader.Server
		})
	}
	var text strings.Builder
	for _, p := range problems {
		text.WriteString("\n  " + p.Message)
	}
	return fmt.Errorf("context %q: the endpoint would refuse its headers:%s", context, text.String())
}

// notes say what an operator must have allowed for these headers beside the
// host: by default it is forbidden.
func notes(checked kubeheader.Checked) []string {
	target, ok := checked.Target()
	if !ok {
		return nil
	}
	var notes []string
	switch target.Trust.(type) {
	case kubeheader.SystemRoots:
		notes = append(notes, "the cluster has no certificate-authority; the endpoint accepts that only if its policy sets publicRootsFile")
	case kubeheader.Insecure:
		notes = append(notes, "the cluster has insecure-skip-tls-verify; the endpoint accepts that only if its policy lists the host under insecureHosts")
	}
	if target.Server.Prefix() != "" {
		notes = append(notes, "the server has a path; the endpoint accepts that only if its policy lists it under pathPrefixes")
	}
	return notes
}
