package kubeheader

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAsks(t *testing.T) {
	for _, c := range []struct {
		sent []string
		want Asked
		url  string
	}{
		{nil, Asked{}, ""},
		{[]string{"x-other: 1"}, Asked{}, ""},
		{[]string{Toolsets + ": core", Server + ": https://API.example.com:6443/k8s/"}, Asked{Sent: []string{Server, Toolsets}}, "https://api.example.com:6443/k8s"},
		{[]string{Server + ": http://api.example.com"}, Asked{Sent: []string{Server}}, ""},
		{[]string{Server + ": https://a.example.com", Server + ": https://a.example.com"}, Asked{Sent: []string{Server}}, ""},
		{[]string{"Kubernetes_Server: https://192.168.0.1"}, Asked{Sent: []string{Server}}, "https://192.168.0.1"},
		{[]string{InsecureSkipTLSVerify + ": TRUE"}, Asked{Sent: []string{InsecureSkipTLSVerify}, Insecure: true}, ""},
		{[]string{InsecureSkipTLSVerify + ": false"}, Asked{Sent: []string{InsecureSkipTLSVerify}}, ""},
		{[]string{"kubernetes-user: alice"}, Asked{Unknown: true}, ""},
	} {
		got := Request{Fields: lines(c.sent...)}.Asks()
		require.Equal(t, c.url, got.Server.String())
		got.Server = ServerURL{}
		require.Equal(t, c.want, got, c.sent)
	}
}
