package proof

import "testing"

func BenchmarkSeal(b *testing.B) {
	l := newLink(b)
	for caller := range l.callers {
		checked := l.check(b, caller, noon)
		b.Run(caller, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.signer.Seal(checked, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenCold(b *testing.B) {
	l := newLink(b)
	for caller := range l.callers {
		sent := l.sealed(b, caller, noon)
		b.Run(caller, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.verifier.cache.entries.InvalidateAll()
				if _, err := l.verifier.Open(sent, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpenWarm(b *testing.B) {
	l := newLink(b)
	for caller := range l.callers {
		sent := l.sealed(b, caller, noon)
		l.accepted(b, sent, noon)
		b.Run(caller, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.verifier.Open(sent, noon); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
