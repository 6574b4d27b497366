package conf

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestManualKeywords: every word that an entry may hold is explained in the
// manual, outside of the table of dialects.
func TestManualKeywords(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../cmd/inetd/inetd.conf.5")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), ".Sh DIALECTS\n")
	_, after, _ := strings.Cut(rest, "\n.Sh ")
	text = []byte(before + after)

	words := slices.Concat(typeWords[:], waitWords, protocolWords, keyNames,
		[]string{"xti", "tli", "sunrpc_tcp", "sunrpc_udp", "internal", "NOLUID", ".include"})
	for class := range maps.Keys(netTypes) {
		words = append(words, "rpc/"+class)
	}
	for _, word := range words {
		if !regexp.MustCompile(`(^|[\s&])` + regexp.QuoteMeta(word) + `($|[\s,.])`).Match(text) {
			t.Errorf("inetd.conf(5) does not explain %q", word)
		}
	}
}
