package main

import (
	"fmt"
	"strings"
)

// pluginFault says why an exec plugin gave no credential. client-go's error is
// read and never repeated: it quotes the plugin's whole output when that is no
// ExecCredential, and a token may be in it. A text that is not known here, of a
// later client-go, ends in the general sentence. What the plugin writes to its
// standard error has reached the terminal already.
func (k *kubeContext) pluginFault(err error) error {
	const unknown = "failed; run its command by itself to see why"
	said, what := err.Error(), unknown
	said = strings.TrimPrefix(said, "getting credentials: ")
	for _, fault := range []struct{ prefix, what string }{
		{"exec: executable ", unknown}, // it ran; the exit status follows
		{"exec: ", "could not be started; check that its command is an executable file"},
		{"exec plugin cannot support interactive mode", "needs a terminal (interactiveMode Always); run kubemcp in one"},
		{"decoding stdout", "did not print an ExecCredential; run its command by itself, and check its version and args"},
		{"exec plugin is configured to use API version", "printed something whose apiVersion and kind are not those of exec.apiVersion in the kubeconfig; make them agree"},
		{"exec plugin didn't return", "printed an ExecCredential without a credential; log in with it first"},
		{"exec plugin returned only certificate or key", "printed a client certificate without its key, or a key alone; update the plugin"},
		{"failed parsing client", "printed a client certificate and key that are damaged or do not belong together; update the plugin"},
	} {
		if strings.HasPrefix(said, fault.prefix) {
			what = fault.what
			break
		}
	}
	exec := k.user.Exec
	if strings.HasPrefix(said, "exec: executable ") && strings.Contains(said, " not found") {
		what = "was not found or is not executable; install it"
		if hint := strings.Join(strings.Fields(exec.InstallHint), " "); hint != "" {
			what += ": " + hint
		}
	}
	return fmt.Errorf("the exec plugin %q of user %q %s", exec.Command, k.context.AuthInfo, what)
}
