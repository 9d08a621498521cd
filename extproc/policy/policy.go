// Package policy reads the one file in which an operator says which clusters,
// credentials and ingresses are allowed. Both programs read the same file: the
// edge applies names, literals and ports, the backend applies them again and
// the addresses at dial time.
//
// The file is YAML, one document, every key optional but the first two:
//
//	apiVersion: kubernetes-mcp-edge/v1
//	kind: Policy
//	hosts:
//	  exact: []              # names and address literals, exactly as written
//	  suffixes: []           # ".example.com": every name below
//	  anyPublic: false       # every public name and public address
//	networks: []             # {cidr: 10.0.0.0/8, ports: [6443]}: opens addresses that are not public
//	ports: []                # besides 443 and 6443
//	insecureHosts: []        # exact hosts whose certificate need not be verified
//	pathPrefixes: []         # "/k8s/clusters": paths that a server URL may have
//	credentials: required    # or optional: requests without headers pass as anonymous
//	credentialKinds: [token, client-certificate]
//	tlsServerName: allow     # or forbid
//	publicRootsFile: ""      # PEM bundle that vouches for servers whose CA was not sent
//	plaintextIngress: refuse # or allow
//	origins: []              # of web pages that may call, as browsers send them
//	access: {allow: [], deny: []} # what may be asked of API servers: see extproc/access
//	report: []               # reasons of the policy's own that are counted while the request passes
//	logs: {hosts: plain}     # or hashed, omitted
//	limits: {guard: {…}, backend: {…}} # see Limits
//
// These are the defaults: no host is allowed. Hosts, suffixes, networks and
// ports have the rules of hostpolicy.Config. A relative publicRootsFile is
// looked up beside the policy file.
//
// Reading is strict. Unknown and duplicate keys, values of another type, empty
// values, anchors, aliases and a second document are errors, and so is an entry
// that could never match. Every error names the file and line, the key, what is
// wrong and the next step; all are reported at once. The file is read by
// go.yaml.in/yaml/v3 into nodes, because nodes carry the line numbers that the
// strict decoders of sigs.k8s.io/yaml lose on the way through JSON. One table of
// keys is what the reader, Schema and Defaults are made of.
//
// A running program follows its file with a File, which keeps the last good
// policy, and Explain says which key and line decide about a request.
//
// # Reports
//
// A reason under report is counted and logged where it would reject, and the
// request passes: at the edge, and at the backend, which parses again under the
// same file. It is for the reasons that kubeheader calls Forbidden, without the
// classes of addresses and unverified servers; publicRootsFile has no reason of
// the kind. Plaintext ingress is among them, because plaintextIngress: allow
// would let the same requests through without a count. Of hosts and ports a
// report lets through what anyPublic and a longer list of ports would, and dials
// stay judged by address: see hostpolicy.Policy.Enforced and Address.
package policy

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/netip"
	"path/filepath"

	"kubernetes-mcp-edge/extproc/access"
	"kubernetes-mcp-edge/extproc/hostpolicy"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/smallfile"
)

// Policy is a policy file that was read without error. It is only read.
type Policy struct {
	// Header is what kubeheader.Parse asks; its Hosts also judges dials.
	Header kubeheader.Policy
	// Access judges what the backend asks of API servers.
	Access access.Rules
	// Digest is SHA-256, in lower-case hex, over the bytes of the file and, if
	// it names a publicRootsFile, a NUL (which no YAML holds) and that file's
	// bytes. Equal digests mean equal policies.
	Digest string
	// PublicRoots are the certificates of publicRootsFile; nil without one.
	PublicRoots *x509.CertPool
	// LogHosts is how logs and the status page show hosts.
	LogHosts HostForm
	// Limits are what the programs bound themselves by; read at start.
	Limits Limits
	// Origins are those of web pages that may call.
	Origins []string

	warnings  []string
	rootsFile string // as written; "": none

	// What Explain looks up.
	config hostpolicy.Config
	kinds  []string       // credentialKinds as written; nil: not in the file
	lines  map[string]int // of every key and item in the file
}

// maxFile bounds the policy file, in bytes. The longest lists take less.
const maxFile = 2 << 20

// Load reads a policy file. Errors name path as it was given.
func Load(path string) (*Policy, error) {
	p, _, err := load(path)
	return p, err
}

// load is Load, and says whether the last line of the file has an end.
func load(path string) (p *Policy, ended bool, err error) {
	file, err := smallfile.Read(path, maxFile)
	if err != nil {
		return nil, false, fmt.Errorf("policy file: %w; name a readable file with --policy", err)
	}
	p, err = read(path, file, func(name string) ([]byte, error) { return smallfile.Read(beside(path, name), maxRoots) })
	return p, bytes.HasSuffix(file, []byte("\n")), err
}

// beside finds a file that the policy file at path names.
func beside(path, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(path), name)
}

// Parse reads a policy from memory, where a publicRootsFile must be absolute
// since there is no directory to look beside. Errors call the file "policy".
func Parse(file []byte) (*Policy, error) {
	return read("policy", file, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			return nil, fmt.Errorf("%s is relative, and this policy is in no directory", name)
		}
		return smallfile.Read(name, maxRoots)
	})
}

// Warnings says, one sentence each, what is legal but cannot be what the author
// wants, and which key to set.
func (p *Policy) Warnings() []string { return p.warnings }

// Line is where a key such as hosts.exact or hosts.exact[2] stands in the file; 0
// if it does not, so that its default applies.
func (p *Policy) Line(key string) int { return p.lines[key] }

// read is Load without the file system: open finds the publicRootsFile.
func read(name string, file []byte, open func(string) ([]byte, error)) (*Policy, error) {
	r := &reader{file: name, open: open, lines: map[string]int{}}
	d := defaults()
	if root := r.root(file); root != nil {
		r.object(root, "", d.keys())
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	hosts, err := hostpolicy.New(d.hosts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err) // Each entry passed its check with its line.
	}
	rules, err := access.New(d.access)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err) // Each rule passed its check with its line.
	}
	p := &Policy{
		Header: d.header, Access: rules, Digest: digest(file, d.rootsPEM), PublicRoots: d.roots, LogHosts: d.logHosts, Limits: d.limits, Origins: d.origins,
		rootsFile: d.rootsAt, config: d.hosts, kinds: d.kinds, lines: r.lines,
	}
	p.Header.Hosts = hosts
	p.Header.PublicRoots = d.roots != nil
	p.warnings = warnings(p, d)
	return p, nil
}

func digest(file, roots []byte) string {
	h := sha256.New()
	h.Write(file)
	if roots != nil {
		h.Write([]byte{0})
		h.Write(roots)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func warnings(p *Policy, d *draft) []string {
	var out []string
	if p.Header.Hosts.Empty() && !d.hosts.ReportHosts {
		out = append(out, "no host is allowed, so every request that names a cluster is rejected: "+
			"set hosts.exact, hosts.suffixes, hosts.anyPublic or networks in the policy file")
	}
	for _, r := range p.Header.Report {
		out = append(out, fmt.Sprintf("report lets through what %s would reject: remove it from report once the counts look right", r))
	}
	for _, host := range d.hosts.Hosts {
		_, err := netip.ParseAddr(host)
		if err != nil && hostpolicy.Internal(host) && len(d.hosts.Networks) == 0 {
			out = append(out, fmt.Sprintf("hosts.exact allows %s, which resolves to an address that is not public, and nothing opens that: "+
				"add its block to networks, such as {cidr: 10.96.0.1/32, ports: [443]}", host))
		}
	}
	for _, host := range p.Header.InsecureHosts {
		if r := p.Header.Hosts.Host(host, 443); r != hostpolicy.Allowed && r != hostpolicy.PortNotAllowed {
			out = append(out, fmt.Sprintf("insecureHosts names %s, which the policy does not allow at all: add it to hosts.exact", host))
		}
	}
	if l := p.Limits.Backend; l.Drain < l.CallTimeout {
		out = append(out, fmt.Sprintf("limits.backend.drain (%s) is shorter than limits.backend.callTimeout (%s), so that a shutdown cuts off calls that might still succeed: "+
			"raise drain, and the supervisor's grace period with it", short(l.Drain), short(l.CallTimeout)))
	}
	return append(out, p.Access.Warnings()...)
}
