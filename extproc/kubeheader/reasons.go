package kubeheader

import "slices"

// Kind says whose rule a rejection comes from.
type Kind uint8

// The kinds of rejection.
const (
	Malformed Kind = iota + 1 // the contract's: no policy accepts it
	Forbidden                 // the policy's: another policy might accept it
	Internal                  // the product's own: the guard or its proof failed
)

// String is the word used in the docs and as a metric label.
func (k Kind) String() string {
	switch k {
	case Malformed:
		return "malformed"
	case Forbidden:
		return "forbidden"
	case Internal:
		return "internal"
	}
	return "unknown"
}

// Reason is a stable rejection code; its String is the kebab-case spelling used
// in JSON-RPC error data, metrics, logs, Envoy metadata and the docs alike. The
// zero Reason is no reason. There is one per distinct thing that a person has
// to do; the header it stands beside says where.
type Reason uint8

// The reasons, in contract order: problems of one header are reported in this
// order, and so are the sections of the docs.
const (
	_ Reason = iota

	// The request as a whole.
	ReasonPlaintextIngress

	// Any header of the contract.
	ReasonUnderscoreName
	ReasonDuplicateHeader
	ReasonEmptyValue
	ReasonInvalidBytes
	ReasonPlaceholder
	ReasonCommaJoined

	// kubernetes-server.
	ReasonServerMissing
	ReasonServerTooLong
	ReasonServerScheme
	ReasonServerUserinfo
	ReasonServerQuery
	ReasonServerFragment
	ReasonServerHost
	ReasonServerPort
	ReasonServerPath
	ReasonHostNotAllowed
	ReasonPortNotAllowed
	ReasonAddressNotAllowed
	ReasonPathNotAllowed

	// The base64 and PEM of the three *-data headers.
	ReasonValueTooLarge
	ReasonBase64Malformed
	ReasonNotPEM
	ReasonPEMMalformed
	ReasonPEMExtraText
	ReasonPEMHeaders
	ReasonPEMBlockType

	// Certificates.
	ReasonCertificateTooMany
	ReasonCertificateTooLarge
	ReasonCertificateMalformed

	// kubernetes-certificate-authority-data.
	ReasonCertificateAuthorityMissing
	ReasonCertificateAuthorityExpired

	// kubernetes-authorization and the choice of credential.
	ReasonCredentialMissing
	ReasonCredentialAmbiguous
	ReasonTokenEmpty
	ReasonTokenDoubleBearer
	ReasonTokenTooLong
	ReasonTokenMalformed
	ReasonTokenExpired
	ReasonTokenNotAllowed

	// kubernetes-client-certificate-data.
	ReasonClientCertificateMissing
	ReasonClientCertificateExpired
	ReasonClientCertificateNotYetValid
	ReasonClientCertificateUsage
	ReasonClientCertificateNotAllowed

	// kubernetes-client-key-data.
	ReasonClientKeyMissing
	ReasonClientKeyNotSingle
	ReasonClientKeyEncrypted
	ReasonClientKeyTooLarge
	ReasonClientKeyUnsupported
	ReasonClientKeyTooWeak
	ReasonClientKeyMalformed
	ReasonClientKeyMismatch

	// The options.
	ReasonInsecureMalformed
	ReasonInsecureNotAllowed
	ReasonTLSServerNameMalformed
	ReasonTLSServerNameNotAllowed
	ReasonNamespaceMalformed
	ReasonToolsetsMalformed
	ReasonToolsetsTooMany

	// A name that is not in the contract.
	ReasonUnknownHeader

	// The proof between edge and backend.
	ReasonProofMissing
	ReasonProofInvalid
	ReasonProofExpired
	ReasonProofUnknownKey

	// What the backend finds out.
	ReasonOriginNotAllowed
	ReasonCredentialRefused

	// What Envoy itself answers.
	ReasonGuardUnavailable
	ReasonGuardTimeout
	ReasonAccessDenied
	ReasonRequestTooLarge
	ReasonHeadersTooLarge
	ReasonBadRequest
	ReasonRequestTimeout
	ReasonBackendUnavailable
	ReasonPreflightRefused
	ReasonFrontDoorRefused

	reasonEnd
)

// Reasons returns every reason, in contract order.
func Reasons() []Reason {
	all := make([]Reason, 0, reasonEnd-1)
	for r := Reason(1); r < reasonEnd; r++ {
		all = append(all, r)
	}
	return all
}

// ParseReason finds the reason with this code.
func ParseReason(code string) (Reason, bool) {
	for r := Reason(1); r < reasonEnd; r++ {
		if r.entry().code == code {
			return r, true
		}
	}
	return 0, false
}

// String is the code, or "unknown" for a value that is no reason.
func (r Reason) String() string { return r.entry().code }

// Kind says whose rule this is; 0 for a value that is no reason.
func (r Reason) Kind() Kind { return r.entry().kind }

// Reportable reports whether a policy may name the reason under report, so that
// it is counted and logged while the request passes. It must be the policy's own
// (Forbidden) and found by the guard. That excludes whatever a report would
// quietly give away: the classes of addresses, and connections whose server
// nobody verifies.
func (r Reason) Reportable() bool {
	switch r { //nolint:exhaustive // the others are as their kind
	case ReasonAddressNotAllowed, ReasonInsecureNotAllowed, ReasonOriginNotAllowed:
		return false
	}
	return r.Kind() == Forbidden
}

// Headers lists the headers that this reason can stand beside; none if it is
// about the request as a whole. The first is the one that a problem names unless
// it is told another: AnyHeader where several share the reason.
func (r Reason) Headers() []string { return slices.Clone(r.entry().headers) }

// Header is the first of Headers, or "".
func (r Reason) Header() string {
	if h := r.entry().headers; len(h) > 0 {
		return h[0]
	}
	return ""
}

// entry is the reason's row of the table.
func (r Reason) entry() entry {
	if r < reasonEnd {
		for _, table := range [...]*[reasonEnd]entry{&requestReasons, &credentialReasons, &lateReasons} {
			if table[r].code != "" {
				return table[r]
			}
		}
	}
	return entry{code: "unknown"}
}
