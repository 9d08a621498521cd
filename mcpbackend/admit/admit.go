// Package admit is the door of the backend: it lets an HTTP request on only
// with a proof that the edge checked its kubernetes-* headers, and hands on one
// typed value in their place.
package admit

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"kubernetes-mcp-edge/extproc/jsonrpc"
	"kubernetes-mcp-edge/extproc/kubeheader"
	"kubernetes-mcp-edge/extproc/proof"
)

// requestID is the header in which Envoy, and then the guard, sends the id of
// the decision.
const requestID = "X-Request-ID"

// Opener verifies proofs; *proof.Verifier is the one that does.
type Opener interface {
	Open(fields []kubeheader.Field, now time.Time) (proof.Verified, error)
}

// Config is what New needs. Verifier must be set.
type Config struct {
	Verifier Opener
	Log      *slog.Logger     // one line per refusal; nil: none
	Now      func() time.Time // nil: time.Now
	// Refused is told the reason of each refusal; nil: nobody is.
	Refused func(kubeheader.Reason)
	// TrustAddress says that only Envoy reaches the port, so that its word for the
	// client's address counts. Without it that is the address of the connection.
	TrustAddress bool
	// BodyTimeout is how long a refusal waits for the body, in which it looks
	// for the JSON-RPC id. Zero: 2 s.
	BodyTimeout time.Duration
}

// Caller is what the request's proof shows, and the id under which the guard,
// Envoy and the API server's audit log know the request.
type Caller struct {
	Verified proof.Verified
	Decision string // a UUID in text form, 36 characters
	// Address is the client's network: one IPv4 address or the /64 of an IPv6
	// address, which is the least that one client has. The zero Prefix: not known.
	Address netip.Prefix
}

// callerKey is the context's key. It is not exported: only this package can put
// a Caller into a context, and it does so in one place.
type callerKey struct{}

// FromContext returns the Caller of the request that the context belongs to.
func FromContext(ctx context.Context) (Caller, bool) {
	caller, ok := ctx.Value(callerKey{}).(Caller)
	return caller, ok && caller.Verified.Valid()
}

// New returns the middleware. The next handler sees no kubernetes*, signature*
// or fingerprint header in any spelling, and is called only for a verified
// request. All others are answered as jsonrpc.Reject says.
func New(config Config) func(http.Handler) http.Handler {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Refused == nil {
		config.Refused = func(kubeheader.Reason) {}
	}
	if config.BodyTimeout <= 0 {
		config.BodyTimeout = defaultBodyTimeout
	}
	return func(next http.Handler) http.Handler {
		return &door{Config: config, next: next}
	}
}

type door struct {
	Config

	next http.Handler
}

// ServeHTTP admits or refuses.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fields := takeFields(r)
	decision := takeDecision(r.Header)
	verified, err := d.Verifier.Open(fields, d.Now())
	if err != nil || !verified.Valid() {
		d.refuse(w, r, decision, err)
		return
	}
	caller := Caller{Verified: verified, Decision: decision, Address: d.address(r)}
	d.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
}

// takeFields removes every header line that the proof is about and returns
// them. Announced trailers of such names go too: nobody may read them later.
func takeFields(r *http.Request) []kubeheader.Field {
	var fields []kubeheader.Field
	for name, lines := range r.Header {
		if !ours(name) {
			continue
		}
		if proof.Relevant(name) {
			for _, line := range lines {
				fields = append(fields, kubeheader.Field{Name: name, Value: kubeheader.NewSecret([]byte(line))})
			}
		}
		delete(r.Header, name) // not Del, which would not find other spellings
	}
	for name := range r.Trailer {
		if ours(name) {
			delete(r.Trailer, name)
		}
	}
	return fields
}

// takeDecision returns the request's decision id: what came in, if that is one
// UUID, and a new one otherwise. The header is set to it either way.
func takeDecision(header http.Header) string {
	received := header.Values(requestID)
	if len(received) == 1 && jsonrpc.ValidDecision(received[0]) {
		return received[0]
	}
	decision := jsonrpc.NewDecision()
	header.Set(requestID, decision)
	return decision
}
