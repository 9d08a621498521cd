package kubeheader

import "strings"

// canonical writes a target as the headers that are sent on, in contract order.
// It is the inverse of Parse: parsed again under the same policy, these headers
// give the same target and the same headers.
func canonical(t Target) []Field {
	fields := make([]Field, 0, headerCount)
	text := func(name, value string) {
		if value != "" {
			fields = append(fields, Field{Name: name, Value: NewSecret([]byte(value))})
		}
	}
	data := func(name string, pem Secret) {
		fields = append(fields, Field{Name: name, Value: NewSecret(encodeBase64(pem.Reveal()))})
	}
	text(Server, t.Server.String())
	if ca, ok := t.Trust.(CA); ok {
		data(CertificateAuthority, ca.PEM)
	}
	switch a := t.Auth.(type) {
	case Token:
		value := append(make([]byte, 0, len("Bearer ")+a.Value.Len()), "Bearer "...)
		fields = append(fields, Field{Name: Authorization, Value: NewSecret(append(value, a.Value.Reveal()...))})
	case ClientCert:
		data(ClientCertificate, a.CertificatePEM)
		data(ClientKey, a.KeyPEM)
	}
	if _, ok := t.Trust.(Insecure); ok {
		text(InsecureSkipTLSVerify, "true")
	}
	text(TLSServerName, t.TLSName)
	text(Namespace, t.Namespace)
	text(Toolsets, strings.Join(t.Toolsets, ","))
	return fields
}
