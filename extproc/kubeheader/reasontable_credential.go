package kubeheader

// credentialReasons are those of certificates, keys and tokens.
var credentialReasons = [reasonEnd]entry{
	ReasonValueTooLarge: {
		"value-too-large", Malformed, inData,
		"is larger than any value that the contract accepts", "send {hint}, and nothing else", "",
	},
	ReasonBase64Malformed: {
		"base64-malformed", Malformed, inData,
		"is not base64 on one line", sendHint,
		"The standard and the URL alphabet are accepted, with correct padding or with none; spaces, line breaks, mixed alphabets and stray bits in the last character are not.",
	},
	ReasonNotPEM: {
		"not-pem", Malformed, inData,
		"is base64, but of something that is not PEM", "send {hint}, encoded once",
		"DER without the PEM lines around it and PEM that was encoded twice both end here.",
	},
	ReasonPEMMalformed: {
		"pem-malformed", Malformed, inData,
		"holds a PEM block that is damaged or cut short", "copy it again from the source, whole", "",
	},
	ReasonPEMExtraText: {
		"pem-extra-text", Malformed, inData,
		"holds text before, between or after its PEM blocks", "send the blocks alone, from BEGIN to END",
		"`openssl x509 -text` and `openssl pkcs12` write such text (`openssl x509` alone does not). Readers of PEM disagree on what to do with it.",
	},
	ReasonPEMHeaders: {
		"pem-headers", Malformed, inData,
		"holds a PEM block with header lines in it", "send the block without them", "",
	},
	ReasonPEMBlockType: {
		"pem-block-type", Malformed, inData,
		"holds a PEM block of a kind that does not belong in this header", sendHint,
		"Certificate headers take CERTIFICATE blocks. The key header takes PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY (EC PARAMETERS may stand before the last).",
	},

	ReasonCertificateTooMany: {
		"certificate-too-many", Malformed, inCerts,
		"holds more certificates than the contract accepts", "send only those that are needed: at most 16 as authority, at most 4 as client chain", "",
	},
	ReasonCertificateTooLarge: {
		"certificate-too-large", Malformed, inCerts,
		"holds a certificate of more than 8 KiB", "send one that is smaller", "",
	},
	ReasonCertificateMalformed: {
		"certificate-malformed", Malformed, inCerts,
		"holds a certificate that cannot be read as X.509", "copy it again from the source", "",
	},

	ReasonCertificateAuthorityMissing: {
		"certificate-authority-missing", Malformed, []string{CertificateAuthority},
		"is missing", sendHint,
		"It may be left out only with kubernetes-insecure-skip-tls-verify, or where the operator lets the public roots vouch for API servers.",
	},
	ReasonCertificateAuthorityExpired: {
		"certificate-authority-expired", Malformed, []string{CertificateAuthority},
		"holds no certificate that is valid today", "send the cluster's present CA certificates",
		"One certificate within its validity is enough: bundles carry old roots during a rotation. Clocks may differ by 5 minutes.",
	},

	ReasonCredentialMissing: {
		"credential-missing", Malformed, []string{Authorization},
		"is missing, and there is no client certificate either", "send {hint}, or send kubernetes-client-certificate-data with kubernetes-client-key-data",
		"The endpoint has no identity of its own to act with.",
	},
	ReasonCredentialAmbiguous: {
		"credential-ambiguous", Malformed, []string{Authorization},
		"came together with a client certificate or key", "send one credential only", "",
	},
	ReasonTokenEmpty: {
		"token-empty", Malformed, []string{Authorization},
		"holds the word Bearer and no token", "check that the variable which should hold the token is set", "",
	},
	ReasonTokenDoubleBearer: {
		"token-double-bearer", Malformed, []string{Authorization},
		"holds the word Bearer twice", "remove one of them",
		"The configuration says `Bearer ${TOKEN}`, and the variable begins with `Bearer` too.",
	},
	ReasonTokenTooLong: {
		"token-too-long", Malformed, []string{Authorization},
		"holds a token of more than 8192 bytes", "send the token alone", "",
	},
	ReasonTokenMalformed: {
		"token-malformed", Malformed, []string{Authorization},
		"holds a space or a character that no bearer token has", "send Bearer and the token, or the token alone",
		"Letters, digits and `- . _ ~ + /` make a token, with `=` at its end only (RFC 6750). Other schemes, such as Basic, are not accepted.",
	},
	ReasonTokenExpired: {
		"token-expired", Malformed, []string{Authorization},
		"holds a token that has expired", "get a new one",
		"The `exp` of a JWT is read for this only, with 60 seconds of grace, and never as identity: whether a token is good is for the API server to say.",
	},
	ReasonTokenNotAllowed: {
		"token-not-allowed", Forbidden, []string{Authorization},
		"holds a token, and the policy of this endpoint accepts none", "send kubernetes-client-certificate-data with kubernetes-client-key-data", "",
	},

	ReasonClientCertificateMissing: {
		"client-certificate-missing", Malformed, []string{ClientCertificate},
		"is missing, though a client key was sent", sendHint, "",
	},
	ReasonClientCertificateExpired: {
		"client-certificate-expired", Malformed, []string{ClientCertificate},
		"holds a certificate that has expired", "get a new one", "",
	},
	ReasonClientCertificateNotYetValid: {
		"client-certificate-not-yet-valid", Malformed, []string{ClientCertificate},
		"holds a certificate that is not valid yet", "check the clock of the machine that issued it, or wait", "",
	},
	ReasonClientCertificateUsage: {
		"client-certificate-usage", Malformed, []string{ClientCertificate},
		"holds a certificate that is not for client authentication", "send the client's certificate first, then its issuers",
		"The extended key usage must be absent or name client authentication (or any). A server certificate does not do.",
	},
	ReasonClientCertificateNotAllowed: {
		"client-certificate-not-allowed", Forbidden, []string{ClientCertificate},
		"was sent, and the policy of this endpoint accepts no client certificate", "send a bearer token in kubernetes-authorization", "",
	},
}
