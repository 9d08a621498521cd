package harness

import (
	"fmt"
	"net/url"
)

// Policy returns a policy file that allows exactly these API servers, each an
// https URL of a literal address, over an ingress that speaks plain HTTP.
func Policy(servers ...string) (string, error) {
	text := "apiVersion: kubernetes-mcp-edge/v1\nkind: Policy\nplaintextIngress: allow\nnetworks:\n"
	for _, server := range servers {
		u, err := url.Parse(server)
		if err != nil {
			return "", err
		}
		text += fmt.Sprintf("- cidr: %s/32\n  ports: [%s]\n", u.Hostname(), u.Port())
	}
	return text, nil
}
