package nearby

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// listenUnix makes a socket that only this user can open, from its first moment
// on: the mode comes from the umask, since a chmod afterwards leaves a gap.
func (p Port) listenUnix(ctx context.Context, path string) (net.Listener, error) {
	if path == "" {
		return nil, errors.New("listen address unix: names no path: write it as unix:PATH")
	}
	if !p.Insecure {
		if err := checkDirectories(path, os.Geteuid()); err != nil {
			return nil, fmt.Errorf("refusing to listen on %s%s: %w; use a directory of this user alone (mkdir -m 700), "+
				"or pass --insecure-listen if only Envoy and this program run there", unixPrefix, path, err)
		}
	}
	if err := clearStale(ctx, path); err != nil {
		return nil, err
	}
	previous := syscall.Umask(0o177)
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	syscall.Umask(previous)
	if err != nil {
		return nil, fmt.Errorf("listen on %s%s: %w", unixPrefix, path, err)
	}
	return listener, nil
}

// clearStale removes a socket that a killed process left behind, and nothing
// else: no other kind of file, and no socket that somebody answers on.
func clearStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listen on %s%s: %w", unixPrefix, path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("listen on %s%s: the path exists and is not a socket: remove it or choose another", unixPrefix, path)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("listen on %s%s: another process listens there", unixPrefix, path), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen on %s%s: %w", unixPrefix, path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listen on %s%s: %w", unixPrefix, path, err)
	}
	return nil
}
