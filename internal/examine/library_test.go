package examine

import "testing"

// TestCached: the loader's cache has a library as a string of its own, or as the end of
// its path.
func TestCached(t *testing.T) {
	t.Parallel()
	cache := []byte("glibc-ld.so.cache1.1\x00libold.so.1\x00/opt/x/lib/libnew.so.2\x00")
	for lib, want := range map[string]bool{
		"libold.so.1": true, "libnew.so.2": true,
		"libold.so": false, "new.so.2": false, "old.so.1": false, "libmissing.so.1": false,
	} {
		if got := cached(lib, cache); got != want {
			t.Errorf("%s: %v, want %v", lib, got, want)
		}
	}
}
