package examine

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMemory: a program is looked at again when its file has changed, and for another
// user.
func TestMemory(t *testing.T) {
	t.Parallel()
	var m Memory
	path := filepath.Join(t.TempDir(), "server")
	write := func(text string) {
		os.Remove(path)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	who := User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	write("#!/nowhere/perl\n")
	first := m.Why(path, who, syscall.ENOENT)
	if !strings.HasPrefix(first, ": ") || !strings.Contains(first, "/nowhere/perl") {
		t.Errorf("%q", first)
	}
	if again := m.Why(path, who, syscall.ENOENT); again != first || m.known.Load() != 1 {
		t.Errorf("%q, %d findings", again, m.known.Load())
	}
	write("#!/nowhere/python\n")
	if now := m.Why(path, who, syscall.ENOENT); !strings.Contains(now, "/nowhere/python") {
		t.Errorf("%q of the new file", now)
	}
	who.Groups = []uint32{1}
	if m.Why(path, who, syscall.ENOENT); m.known.Load() != 3 {
		t.Errorf("%d findings", m.known.Load())
	}
	for e := range syscall.Errno(maxFindings + 1) {
		m.Why(path, who, e+1)
	}
	if n := m.known.Load(); n > maxFindings {
		t.Errorf("%d findings are kept", n)
	}
}
