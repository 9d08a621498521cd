package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"kubernetes-mcp-edge/extproc/keyfile"
)

const maxKeyFile = 64 << 10

// digest identifies the content of a key file. Kubernetes swaps a mounted file
// by a symbolic link, which changes no time stamp that could be relied on.
type digest [sha256.Size]byte

// readKeyFile reads a small regular file. A private one must be ours alone: see
// keyfile.Private.
func readKeyFile(path string, secret bool) ([]byte, digest, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, digest{}, err // it names the path
	}
	defer func() { _ = file.Close() }() // nothing was written
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, digest{}, err
	case !info.Mode().IsRegular():
		return nil, digest{}, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	case secret && !keyfile.Private(info):
		return nil, digest{}, fmt.Errorf("%s holds private keys and its mode is %04o: %s", path, info.Mode().Perm(), keyfile.Advice)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, digest{}, err
	}
	if len(content) > maxKeyFile {
		return nil, digest{}, fmt.Errorf("%s is larger than 64 KiB: it is no key file", path)
	}
	return content, sha256.Sum256(content), nil
}
