package conf

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestManualKeywords: every word that an entry may hold is explained in the
// manual of the file. The page of dialects does not count.
func TestManualKeywords(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../cmd/inetd/inetd.conf.5")
	if err != nil {
		t.Fatal(err)
	}

	words := slices.Concat(typeWords[:], waitWords, protocolWords, keyNames(),
		[]string{"xti", "tli", "sunrpc_tcp", "sunrpc_udp", "internal", "NOLUID", ".include"})
	for class := range maps.Keys(netTypes) {
		words = append(words, "rpc/"+class)
	}
	for _, key := range keyNames() { // with its type and default
		if !regexp.MustCompile(`(?m)^\.It Cm ` + key + ` Ta [^\n]+ Ta [^\n]+ Ta [^\n]+$`).Match(text) {
			t.Errorf("inetd.conf(5) has no row for %q in its table of keys", key)
		}
	}
	for _, word := range words {
		if !regexp.MustCompile(`(^|[\s&])` + regexp.QuoteMeta(word) + `($|[\s,.])`).Match(text) {
			t.Errorf("inetd.conf(5) does not explain %q", word)
		}
	}
}
