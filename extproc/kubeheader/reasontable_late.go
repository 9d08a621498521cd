package kubeheader

// inProof are the headers that the backend can find fault with.
var inProof = append([]string{Signature, SignatureInput, Fingerprint, AnyHeader}, Names()...)

// lateReasons are those of the key, of the options, of unknown names, and of
// the product's own failures.
var lateReasons = [reasonEnd]entry{
	ReasonClientKeyMissing: {
		"client-key-missing", Malformed, []string{ClientKey},
		"is missing, though a client certificate was sent", sendHint, "",
	},
	ReasonClientKeyNotSingle: {
		"client-key-not-single", Malformed, []string{ClientKey},
		"does not hold exactly one private key", "send the key of the certificate alone", "",
	},
	ReasonClientKeyEncrypted: {
		"client-key-encrypted", Malformed, []string{ClientKey},
		"holds a key that is protected by a passphrase", "send it without one, as openssl pkey writes it",
		"Nobody is there to type the passphrase. `openssl pkey -in encrypted.pem -out plain.pem` takes it off.",
	},
	ReasonClientKeyTooLarge: {
		"client-key-too-large", Malformed, []string{ClientKey},
		"holds a key of more than 3 KiB or an RSA key of more than 4096 bits", useOtherKey,
		"Each request pays for its key, and the cost of RSA grows with the cube of its size.",
	},
	ReasonClientKeyUnsupported: {
		"client-key-unsupported", Malformed, []string{ClientKey},
		"holds a key of a kind that is not supported", useOtherKey, "",
	},
	ReasonClientKeyTooWeak: {
		"client-key-too-weak", Malformed, []string{ClientKey},
		"holds an RSA key of less than 2048 bits", useOtherKey, "",
	},
	ReasonClientKeyMalformed: {
		"client-key-malformed", Malformed, []string{ClientKey},
		"holds a private key that cannot be read", "copy it again from the source", "",
	},
	ReasonClientKeyMismatch: {
		"client-key-mismatch", Malformed, []string{ClientKey},
		"does not belong to the first certificate of kubernetes-client-certificate-data", "send the pair that was issued together, the client's certificate first", "",
	},

	ReasonInsecureMalformed: {
		"insecure-malformed", Malformed, []string{InsecureSkipTLSVerify},
		"is neither true nor false", "send {hint}, or leave it out", "",
	},
	ReasonInsecureNotAllowed: {
		"insecure-not-allowed", Forbidden, []string{InsecureSkipTLSVerify},
		"is true, and the policy of this endpoint does not allow that for this host", "leave it out and send kubernetes-certificate-authority-data", "",
	},
	ReasonTLSServerNameMalformed: {
		"tls-server-name-malformed", Malformed, []string{TLSServerName},
		"is not a DNS name", sendHint, "",
	},
	ReasonTLSServerNameNotAllowed: {
		"tls-server-name-not-allowed", Forbidden, []string{TLSServerName},
		"was sent, and the policy of this endpoint does not allow it", "leave it out", "",
	},
	ReasonNamespaceMalformed: {
		"namespace-malformed", Malformed, []string{Namespace},
		"is not the name of a namespace", "send at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends", "",
	},
	ReasonToolsetsMalformed: {
		"toolsets-malformed", Malformed, []string{Toolsets},
		"holds an empty or misspelt name", "send {hint}, each in lower-case letters and dashes", "",
	},
	ReasonToolsetsTooMany: {
		"toolsets-too-many", Malformed, []string{Toolsets},
		"holds more than 16 names", "send at most 16, or leave the header out for all that the endpoint offers", "",
	},

	ReasonUnknownHeader: {
		"unknown-header", Malformed, []string{AnyHeader},
		"is not one that this endpoint knows", "remove it or correct its name, which may be kubernetes-server, -certificate-authority-data, -authorization, -client-certificate-data, -client-key-data, -insecure-skip-tls-verify, -tls-server-name, -namespace or -toolsets",
		"A name that is nearly right would otherwise be ignored without a word. The name that was sent is not repeated.",
	},

	ReasonProofMissing: {
		"proof-missing", Internal, inProof,
		"is missing, so nothing shows that this request was checked", "send it to the public address of the endpoint and not past its guard", "",
	},
	ReasonProofInvalid: {
		"proof-invalid", Internal, inProof,
		"is not what the guard signed", "ask the operator which part between guard and backend adds, drops or changes headers",
		"A route's `request_headers_to_add` runs after the guard and is the usual cause.",
	},
	ReasonProofExpired: {
		"proof-expired", Internal, inProof,
		"is too old or from the future", "send the request again, and if that does not help, ask the operator to compare the clocks of guard and backend", "",
	},
	ReasonProofUnknownKey: {
		"proof-unknown-key", Internal, inProof,
		"was made with a key that the backend does not know", "ask the operator whether guard and backend hold keys of one set", "",
	},

	ReasonOriginNotAllowed: {
		"origin-not-allowed", Forbidden, nil,
		"comes from a web page whose origin the policy of this endpoint does not allow", "ask the operator to add the origin of the page to origins, or call from a program instead of a browser",
		"A browser adds the `Origin` header, and no page can leave it out or make it up. The refusal has the status that MCP asks for, 403.",
	},
	ReasonCredentialRefused: {
		"credential-refused", Malformed, []string{Authorization, ClientCertificate},
		"holds a credential that the API server does not accept", "get a new one and send that, because it has expired, was revoked or is for another cluster",
		"The backend found out when it made the call. Sending the same credential again changes nothing.",
	},

	ReasonGuardUnavailable: {
		"guard-unavailable", Internal, nil,
		"could not be checked, because the guard of this endpoint did not answer as it should", tryAgain,
		stillClosed,
	},
	ReasonGuardTimeout: {
		"guard-timeout", Internal, nil,
		"could not be checked in time", tryAgain,
		stillClosed,
	},
	ReasonAccessDenied: {
		"access-denied", Internal, nil,
		"was stopped, because it carries no word of the guard that it was checked", tryAgain,
		stillClosed,
	},
	ReasonRequestTooLarge: {
		"request-too-large", Malformed, nil,
		"has a body that is too large", "send less in one request", "",
	},
	ReasonHeadersTooLarge: {
		"headers-too-large", Malformed, nil,
		"has headers that are too large", "send only the certificates that are needed, and fewer other headers", "",
	},
	ReasonBadRequest: {
		"bad-request", Malformed, nil,
		"is not valid HTTP", "check the client, or what stands between it and this endpoint", "",
	},
	ReasonRequestTimeout: {
		"request-timeout", Malformed, nil,
		"did not arrive in full in time", "send it again, and check the connection if it happens often", "",
	},
	ReasonBackendUnavailable: {
		"backend-unavailable", Internal, nil,
		"got no answer from the server behind this endpoint", "look whether it took effect before you repeat a call that changes something, and tell the operator if it lasts",
		"The request was checked and sent on; whether it was carried out is not known.",
	},
	ReasonPreflightRefused: {
		"preflight-refused", Malformed, nil,
		"asks whether a web page may call this endpoint, and it may not", "ask the operator to allow the origin of the page, or call from a program instead of a browser",
		"A browser shows it to nobody but the developer: to the page it is a failed call.",
	},
	ReasonFrontDoorRefused: {
		"front-door-refused", Malformed, nil,
		"carries no token that the front door of this endpoint accepts", "sign in and send the token in authorization; what the cluster is to see belongs into kubernetes-authorization",
		"The operator has put a check of its own before the guard. It is the one refusal that tells a client to sign in, by its status and its `WWW-Authenticate`.",
	},
}
