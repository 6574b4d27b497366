package netdb

import (
	"os"
	"testing"
)

func BenchmarkParseServices(b *testing.B) {
	text, err := os.ReadFile("/etc/services")
	if err != nil {
		b.Skip(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		ParseServices(string(text))
	}
}

func BenchmarkSuggest(b *testing.B) {
	s := Classic()
	b.ReportAllocs()
	for b.Loop() {
		s.Suggest("rsyncd", "tcp")
	}
}
