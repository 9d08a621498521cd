package proof

import (
	"crypto/sha256"

	"kubernetes-mcp-edge/extproc/smallfile"
)

const maxKeyFile = 64 << 10

// digest identifies the content of a key file. Kubernetes swaps a mounted file
// by a symbolic link, which changes no time stamp that could be relied on.
type digest [sha256.Size]byte

// readKeyFile reads a key file; one of private keys must be ours alone.
func readKeyFile(path string, secret bool) ([]byte, digest, error) {
	read := smallfile.Read
	if secret {
		read = smallfile.ReadPrivate
	}
	content, err := read(path, maxKeyFile)
	if err != nil {
		return nil, digest{}, err
	}
	return content, sha256.Sum256(content), nil
}
