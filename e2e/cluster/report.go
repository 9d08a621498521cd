package main

import (
	"encoding/json"
	"os"
)

// reportFile appears, complete, when the cluster is ready.
const reportFile = "cluster.json"

// report is how to connect, for programs. It holds credentials.
type report struct {
	Name       string                `json:"name"`
	Server     string                `json:"server"`
	CA         string                `json:"ca"` // PEM
	Namespaces []string              `json:"namespaces"`
	Users      map[string]reportUser `json:"users"`
	AuditLog   string                `json:"auditLog"`  // file; one JSON event a line, of these users only
	Processes  map[string]int        `json:"processes"` // component: pid
}

type reportUser struct {
	Namespace   string `json:"namespace"`
	Token       string `json:"token"`
	Certificate string `json:"certificate"` // PEM
	Key         string `json:"key"`         // PEM
	Kubeconfig  string `json:"kubeconfig"`  // file; contexts "token" (current) and "certificate"
}

// report writes the file in one step: who sees it, sees all of it.
func (c *cluster) report() error {
	r := report{
		Name:       c.options.name,
		Server:     c.url(),
		CA:         string(c.authority.pem),
		Namespaces: []string{teamA, teamB},
		Users:      map[string]reportUser{},
		AuditLog:   c.file(auditLogFile),
		Processes:  c.launcher.pids(),
	}
	for _, u := range c.users {
		r.Users[u.name] = reportUser{
			Namespace: u.namespace, Token: u.token,
			Certificate: string(u.pair.certificate), Key: string(u.pair.key),
			Kubeconfig: c.file(kubeconfigFile(u.name)),
		}
	}
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	partial := reportFile + ".partial"
	if err := c.write(partial, append(content, '\n')); err != nil {
		return err
	}
	return os.Rename(c.file(partial), c.file(reportFile))
}
