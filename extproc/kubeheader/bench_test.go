package kubeheader

import "testing"

// BenchmarkParse measures what one request costs that no cache knows.
func BenchmarkParse(b *testing.B) {
	m, p := material(b), usualPolicy(b)
	server, ca := Server+": https://api.example.com:6443", CertificateAuthority+": "+m["ca"]
	pair := func(name string) []Field {
		return lines(server, ca, ClientCertificate+": "+m[name], ClientKey+": "+m[name+".key"])
	}
	for _, c := range []struct {
		name   string
		fields []Field
	}{
		{"token", lines(server, ca, Authorization+": Bearer abc.def")},
		{"jwt", lines(server, ca, Authorization+": Bearer "+m["jwt"])},
		{"certificate-p256", pair("p256")},
		{"certificate-ed25519", pair("ed25519")},
		{"certificate-rsa2048", pair("rsa2048")},
		{"certificate-rsa4096", pair("rsa4096")},
		{"sixteen-authorities", lines(server, CertificateAuthority+": "+m["ca.16"], Authorization+": abc")},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(Request{Fields: c.fields}, p, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReject measures a refusal of many problems.
func BenchmarkReject(b *testing.B) {
	p := usualPolicy(b)
	fields := lines(Server+": http://alice@a:0/..?#", CertificateAuthority+": ${CA}", Authorization+": Bearer", Namespace+": A", "kubernetes-foo: bar")
	b.ReportAllocs()
	for b.Loop() {
		_, err := Parse(Request{Fields: fields}, p, noon)
		if data := NewRejection(problems(err)...).Data(""); len(data) == 0 {
			b.Fatal("not refused")
		}
	}
}
