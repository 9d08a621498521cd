package main

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// reserved is a loopback port that this process holds as long as it lives, for a
// child to listen on: a socket that is bound with SO_REUSEPORT and does not
// listen keeps others away, but not a child of the same user that shares ports
// too, and never gets a connection. A port that was merely seen to be free could
// be taken in between.
type reserved uint16

// reserve takes a port; 0 takes a free one.
func reserve(port uint) (reserved, error) {
	if port > 65535 {
		return 0, fmt.Errorf("--port: %d is not a port; choose one from 1 to 65535, or 0 for a free one", port)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: int(port)})
	if errors.Is(err, unix.EADDRINUSE) {
		err = fmt.Errorf("port %d on %s is in use: stop what listens there, or leave --port out to get a free one", port, loopback)
	}
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	inet, ok := bound.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("%T is not an IPv4 address", bound)
	}
	return reserved(inet.Port), nil //nolint:gosec // a port fits
}

// String is the number.
func (r reserved) String() string { return strconv.Itoa(int(r)) }
