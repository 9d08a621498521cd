package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
)

func TestReportTakesEffect(t *testing.T) {
	p := mustParse(t, "hosts: {exact: [api.example.com]}\nreport: [path-not-allowed, port-not-allowed]\n")
	require.Equal(t, []kubeheader.Reason{kubeheader.ReasonPathNotAllowed, kubeheader.ReasonPortNotAllowed}, p.Header.Report)
	require.Equal(t, hostpolicy.PortNotAllowed, p.Header.Hosts.Host("api.example.com", 22))
	require.Equal(t, hostpolicy.Allowed, p.Header.Hosts.Enforced("api.example.com", 22))
	require.Equal(t, hostpolicy.HostNotAllowed, p.Header.Hosts.Enforced("other.example.net", 443), "hosts are not reported")
	require.Equal(t, []string{
		"report lets through what path-not-allowed would reject: remove it from report once the counts look right",
		"report lets through what port-not-allowed would reject: remove it from report once the counts look right",
	}, p.Warnings())

	p = mustParse(t, "report: [host-not-allowed]\n")
	require.Equal(t, hostpolicy.Allowed, p.Header.Hosts.Enforced("other.example.net", 443))
	require.Equal(t, hostpolicy.PortNotAllowed, p.Header.Hosts.Enforced("other.example.net", 22), "ports are not reported")
	require.NotEqual(t, hostpolicy.Allowed, p.Header.Hosts.Address("other.example.net", netip.MustParseAddrPort("127.0.0.1:443")))
	require.Len(t, p.Warnings(), 1, "not that every request is rejected")

	p = mustParse(t, "hosts: {anyPublic: true}\nreport: ["+strings.Join(reportable(), ", ")+"]\n")
	require.Len(t, p.Header.Report, 7)
}

func TestHostForms(t *testing.T) {
	for _, c := range []struct {
		body, shown string
		form        HostForm
	}{
		{"", "api.example.com", HostPlain},
		{"logs: {}\n", "api.example.com", HostPlain},
		{"logs: {hosts: plain}\n", "api.example.com", HostPlain},
		{"logs: {hosts: hashed}\n", "sha256:d0c43d3885064d9a", HostHashed},
		{"logs: {hosts: omitted}\n", "", HostOmitted},
	} {
		p := mustParse(t, c.body)
		require.Equal(t, c.form, p.LogHosts, c.body)
		require.Equal(t, c.shown, p.LogHosts.Show("api.example.com"), c.body)
		require.Empty(t, p.LogHosts.Show(""), "no host is none in any form")
	}
	require.NotEqual(t, HostHashed.Show("a.example.com"), HostHashed.Show("b.example.com"))
	require.Equal(t, []string{"plain", "hashed", "omitted"}, []string{HostPlain.String(), HostHashed.String(), HostOmitted.String()})
	require.Empty(t, HostForm(99).Show("api.example.com"), "what is unknown shows nothing")
}

// TestLimits writes each limit at both ends of its range and beyond them.
func TestLimits(t *testing.T) {
	require.Equal(t, standardLimits(), mustParse(t, "").Limits)
	require.Equal(t, standardLimits(), mustParse(t, "limits: {guard: {}, backend: {}}\n").Limits)
	read := func(section, name, value string) (Limits, error) {
		p, err := Parse([]byte(head + "limits: {" + section + ": {" + name + ": " + value + "}}\n"))
		if err != nil {
			return Limits{}, err
		}
		return p.Limits, nil
	}
	for section, keys := range map[string][]key{"guard": limitsOfGuard(new(GuardLimits)), "backend": limitsOfBackend(new(BackendLimits))} {
		for _, k := range keys {
			var ends, beyond []string
			switch v := k.value.(type) {
			case number:
				ends, beyond = []string{strconv.Itoa(v.least), strconv.Itoa(v.most)}, []string{strconv.Itoa(v.least - 1), strconv.Itoa(v.most + 1)}
			case span:
				ends, beyond = []string{short(v.least), short(v.most)}, []string{short(v.least - time.Millisecond), short(v.most + time.Millisecond)}
			default:
				t.Fatalf("%s is a limit of another kind", k.name)
			}
			for _, value := range ends {
				got, err := read(section, k.name, value)
				require.NoError(t, err, "%s.%s: %s", section, k.name, value)
				require.Equal(t, value, field(got, section, k.name))
				var want []string
				if value != field(standardLimits(), section, k.name) {
					want = []string{"limits." + section + "." + k.name}
				}
				require.Equal(t, want, append(standardLimits().Guard.Changed(got.Guard), standardLimits().Backend.Changed(got.Backend)...), "exactly the one key")
			}
			for _, value := range beyond {
				_, err := read(section, k.name, value)
				require.ErrorContains(t, err, "policy:3: limits."+section+"."+k.name+": ", "%s", value)
			}
		}
	}
	require.Empty(t, standardLimits().Guard.Changed(standardLimits().Guard))
}

// TestDrainOutlastsCalls: by default, and whoever makes it shorter is told.
func TestDrainOutlastsCalls(t *testing.T) {
	standard := standardLimits().Backend
	require.GreaterOrEqual(t, standard.Drain, standard.CallTimeout+5*time.Second)
	for body, warned := range map[string]string{
		"":                                      "",
		"callTimeout: 35s":                      "",
		"callTimeout: 20s, drain: 20s":          "",
		"callTimeout: 35001ms":                  "limits.backend.drain (35s) is shorter than limits.backend.callTimeout (35.001s), so that",
		"drain: 29s":                            "limits.backend.drain (29s) is shorter than limits.backend.callTimeout (30s), so that",
		"callTimeout: 10m, drain: 9m, calls: 9": "limits.backend.drain (9m) is shorter than limits.backend.callTimeout (10m), so that",
	} {
		got := mustParse(t, "hosts: {anyPublic: true}\nlimits: {backend: {"+body+"}}\n").Warnings()
		if warned == "" {
			require.Empty(t, got, body)
			continue
		}
		require.Len(t, got, 1, body)
		require.Contains(t, got[0], warned)
	}
}

// TestEveryLimitHasAKey: a field without one could not be tuned.
func TestEveryLimitHasAKey(t *testing.T) {
	require.Len(t, limitsOfGuard(new(GuardLimits)), reflect.TypeFor[GuardLimits]().NumField())
	require.Len(t, limitsOfBackend(new(BackendLimits)), reflect.TypeFor[BackendLimits]().NumField())
}

// field reads a limit by the name of its key, as the file would spell it.
func field(l Limits, section, name string) string {
	section, name = strings.ToUpper(section[:1])+section[1:], strings.ToUpper(name[:1])+name[1:]
	switch v := reflect.ValueOf(l).FieldByName(section).FieldByName(name).Interface().(type) {
	case time.Duration:
		return short(v)
	default:
		return fmt.Sprint(v)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		2 * time.Second: "2s", 100 * time.Millisecond: "100ms", time.Minute: "1m", 10 * time.Minute: "10m",
		time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s", 61 * time.Second: "1m1s", 24 * time.Hour: "24h",
	} {
		require.Equal(t, want, short(d))
	}
}

// TestLongLists: a list is bounded before its items are looked at, and reading
// the longest allowed is a matter of milliseconds, whatever its items cost.
func TestLongLists(t *testing.T) {
	list := func(n int, item func(i int) string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = item(i)
		}
		return "[" + strings.Join(items, ", ") + "]\n"
	}
	port := func(i int) string { return strconv.Itoa(1 + i) }
	host := func(i int) string { return fmt.Sprintf("h%d.example.com", i) }
	for _, c := range []struct {
		before, after string
		most          int
		item          func(int) string
	}{
		{"ports: ", "", mostPorts, port},
		{"hosts:\n  exact: ", "", mostHosts, host},
		{"hosts:\n  suffixes: ", "", mostEntries, func(i int) string { return "." + host(i) }},
		{"insecureHosts: ", "networks: [{cidr: 10.0.0.0/8, ports: " + strings.TrimSpace(list(mostPorts, port)) + "}]\n", mostEntries, host},
		{"pathPrefixes: ", "", mostEntries, func(i int) string { return fmt.Sprintf("/c/%d", i) }},
		{"networks: ", "", mostEntries, func(i int) string { return fmt.Sprintf("{cidr: 10.%d.%d.0/24, ports: [443]}", i/256, i%256) }},
	} {
		began := time.Now()
		_, err := Parse([]byte(head + c.before + list(c.most, c.item) + c.after))
		require.NoError(t, err, c.before)
		require.Less(t, time.Since(began), 5*time.Second, "%s: 5 s is a hundred times what it takes", c.before)
		_, err = Parse([]byte(head + c.before + list(c.most+1, c.item) + c.after))
		require.ErrorContains(t, err, fmt.Sprintf("the list has %d items; write at most %d", c.most+1, c.most), c.before)
		require.NotContains(t, err.Error(), "\n", "one error, not one per item")
	}
	_, err := Parse([]byte(head + "ports: " + list(65535, port)))
	require.ErrorContains(t, err, "policy:3: ports: the list has 65535 items; write at most 1000")
}
