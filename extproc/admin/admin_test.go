package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
}

// full is a listener with every page.
func full(address string) Config {
	return Config{Address: address, Metrics: text("numbers"), Status: text("page"), StatusJSON: text("{}")}
}

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), c)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// get asks over a connection of its own, as the client would write it.
func get(t *testing.T, network, address, request string) (int, http.Header, string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), network, address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return ask(t, conn, request)
}

func ask(t *testing.T, conn net.Conn, request string) (int, http.Header, string) {
	t.Helper()
	_, err := io.WriteString(conn, request)
	require.NoError(t, err)
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err)
	body, _ := io.ReadAll(response.Body) // a server that refused to read all may reset after its answer
	return response.StatusCode, response.Header, string(body)
}

func line(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n" }

// TestPagesByScope: who may be anywhere sees numbers and no more.
func TestPagesByScope(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	for name, row := range map[string]struct {
		listen, network string
		status          int
	}{
		"loopback":           {"127.0.0.1:0", "tcp", http.StatusOK},
		"localhost":          {"localhost:0", "tcp", http.StatusOK},
		"socket":             {"unix:" + path, "unix", http.StatusOK},
		"other machines":     {"0.0.0.0:0", "tcp", http.StatusNotFound},
		"every address":      {":0", "tcp", http.StatusNotFound},
		"every IPv6 address": {"[::]:0", "tcp", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, full(row.listen))
			address := s.Address()
			if row.network == "tcp" {
				_, port, err := net.SplitHostPort(address)
				require.NoError(t, err)
				address = "127.0.0.1:" + port
			}
			for page, want := range map[string]int{
				"/healthz": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusOK,
				"/status": row.status, "/status.json": row.status,
				"/": http.StatusNotFound, "/debug/pprof/": http.StatusNotFound, "/debug/vars": http.StatusNotFound,
				"/metrics/": http.StatusNotFound, "/statusx": http.StatusNotFound, "/quitquitquit": http.StatusNotFound,
			} {
				status, header, _ := get(t, row.network, address, line(page))
				require.Equal(t, want, status, page)
				require.Equal(t, "no-store", header.Get("Cache-Control"))
				require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
				require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
				require.Empty(t, header.Get("Access-Control-Allow-Origin"))
			}
		})
	}
}

func TestSocketIsTheUsersAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	s := start(t, full("unix:"+path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.Close()
	require.NoFileExists(t, path)
}

// TestHostMustBeLocal: a name that somebody else's DNS points at 127.0.0.1 gets
// nothing, whatever the page.
func TestHostMustBeLocal(t *testing.T) {
	address := start(t, full("127.0.0.1:0")).Address()
	for host, want := range map[string]int{
		"localhost": http.StatusOK, "LOCALHOST:9102": http.StatusOK, "127.0.0.1": http.StatusOK, "127.0.0.1:1": http.StatusOK,
		"127.8.9.1": http.StatusOK, "[::1]:9102": http.StatusOK, "[::1]": http.StatusOK, "[::ffff:127.0.0.1]": http.StatusOK,
		"evil.example.com": http.StatusMisdirectedRequest, "evil.example.com:9102": http.StatusMisdirectedRequest,
		"localhost.example.com": http.StatusMisdirectedRequest, "127.0.0.1.example.com": http.StatusMisdirectedRequest,
		"10.0.0.1": http.StatusMisdirectedRequest, "0.0.0.0": http.StatusMisdirectedRequest, "": http.StatusMisdirectedRequest,
		"localhost:1:2": http.StatusMisdirectedRequest,
	} {
		for _, page := range []string{"/metrics", "/healthz", "/readyz", "/status", "/status.json", "/nothing"} {
			status, _, body := get(t, "tcp", address, "GET "+page+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
			if page == "/nothing" && want == http.StatusOK {
				want = http.StatusNotFound
			}
			require.Equal(t, want, status, "%s at %q", page, host)
			if status == http.StatusMisdirectedRequest {
				require.NotContains(t, body, "page")
				require.NotContains(t, body, "numbers")
			}
		}
	}
}

func TestOnlyQuestionsAreAnswered(t *testing.T) {
	address := start(t, full("127.0.0.1:0")).Address()
	for request, want := range map[string]int{
		"HEAD /status HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                   http.StatusOK,
		"POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n":                              http.StatusMethodNotAllowed,
		"DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                http.StatusMethodNotAllowed,
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                      http.StatusMethodNotAllowed,
		"GET /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n":                               http.StatusRequestEntityTooLarge,
		"GET /status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n":                      http.StatusRequestEntityTooLarge,
		"GET /status HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", maxHeader+4<<10) + "\r\n\r\n": http.StatusRequestHeaderFieldsTooLarge,
	} {
		status, header, _ := get(t, "tcp", address, request)
		require.Equal(t, want, status, "%.40q", request)
		if status == http.StatusMethodNotAllowed {
			require.Equal(t, "GET, HEAD", header.Get("Allow"))
		}
	}
}

func TestReadyInWords(t *testing.T) {
	var mu sync.Mutex
	var reason error
	c := full("127.0.0.1:0")
	c.Ready = func() error { mu.Lock(); defer mu.Unlock(); return reason }
	address := start(t, c).Address()
	status, _, body := get(t, "tcp", address, line("/readyz"))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ready\n", body)

	mu.Lock()
	reason = errors.New("draining: it was told to end")
	mu.Unlock()
	status, _, body = get(t, "tcp", address, line("/readyz"))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "draining: it was told to end\n", body)
	status, _, body = get(t, "tcp", address, line("/healthz"))
	require.Equal(t, http.StatusOK, status, "a draining process is alive")
	require.Equal(t, "ok\n", body)
}

func TestOffListensNowhere(t *testing.T) {
	for _, address := range []string{Off, ""} {
		s, err := Start(t.Context(), full(address))
		require.NoError(t, err)
		require.Empty(t, s.Address())
		s.Close()
	}
}

func TestStartSaysWhatToChange(t *testing.T) {
	taken := start(t, full("127.0.0.1:0")).Address()
	for address, want := range map[string]string{
		"9102": "write it as host:port or unix:PATH; or use --admin=off", taken: "--admin=off", "unix:": "names no path",
	} {
		_, err := Start(t.Context(), full(address))
		require.ErrorContains(t, err, "--admin: ")
		require.ErrorContains(t, err, want)
	}
}

func TestLogNamesTheAddress(t *testing.T) {
	var logs strings.Builder
	c := full("127.0.0.1:0")
	c.Log = slog.New(slog.NewJSONHandler(&logs, nil))
	s := start(t, c)
	require.Contains(t, logs.String(), `"msg":"admin listening","address":"`+s.Address()+`","status_page":true`)
}

func TestAPanicInAPageIsItsOwn(t *testing.T) {
	c := full("127.0.0.1:0")
	c.Status = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("page") }) //nolint:forbidigo // it is what is tested
	address := start(t, c).Address()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	require.NoError(t, err)
	_, _ = io.WriteString(conn, line("/status"))
	_, err = io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	status, _, _ := get(t, "tcp", address, line("/healthz"))
	require.Equal(t, http.StatusOK, status)
}
