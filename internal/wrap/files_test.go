package wrap

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"inetd/internal/access"
)

// TestFilesChangedTwiceWithinATick: before Linux 6.13 file times advance in steps of some
// milliseconds, so a second change may leave them, and the size, as they were.
func TestFilesChangedTwiceWithinATick(t *testing.T) {
	t.Parallel()
	deny := filepath.Join(t.TempDir(), "deny")
	f := Hosts("/nonexistent", deny)
	for _, who := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
		if err := os.WriteFile(deny, []byte("ALL: "+who+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if !f.settled { // the files were read less than a tick after a change
			f.states = statesOf(f.paths) // as if the states hid this change
		}
		rules, _ := f.Current()
		if rules(access.Query{Daemon: "d", Peer: netip.AddrPortFrom(netip.MustParseAddr(who), 1)}).Allow {
			t.Errorf("%s was let in, whom the file refuses", who)
		}
	}
}

// TestFilesTellTheirProblemsOnce: reading the same text again reports nothing.
func TestFilesTellTheirProblemsOnce(t *testing.T) {
	t.Parallel()
	deny := filepath.Join(t.TempDir(), "deny")
	f := Hosts("/nonexistent", deny)
	for _, text := range []string{"ALL\n", "ALL ALL\n"} {
		if err := os.WriteFile(deny, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		told := 0
		for range 3 {
			_, problems := f.Current()
			told += len(problems)
		}
		if told != 1 {
			t.Errorf("%d problems of %q, want 1", told, text)
		}
	}
}
