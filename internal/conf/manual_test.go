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
		if !regexp.MustCompile(`\n\.It Cm ` + key + ` Ta [^\n]+ Ta [^\n]+ Ta [^\n]+\n`).Match(text) {
			t.Errorf("inetd.conf(5) has no row for %q in its table of keys", key)
		}
	}
	for _, word := range words {
		if !mentions(string(text), word) {
			t.Errorf("inetd.conf(5) does not explain %q", word)
		}
	}
}

// mentions reports whether a word is in a text, after a blank or the \& of roff and
// before a blank, a comma or a full stop.
func mentions(text, word string) bool {
	text = "\n" + text + "\n"
	for i := 0; ; i++ {
		n := strings.Index(text[i:], word)
		if n < 0 {
			return false
		}
		i += n
		if strings.IndexByte(" \t\n&", text[i-1]) >= 0 && strings.IndexByte(" \t\n,.", text[i+len(word)]) >= 0 {
			return true
		}
	}
}
