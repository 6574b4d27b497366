package lastwords

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// said runs a shell command with new words as its standard error.
func said(t *testing.T, command string) Words {
	t.Helper()
	w, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	fd, err := unix.Dup(w.FD())
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "stderr")
	defer f.Close()
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Stderr = f
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestLast(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		":":                                    "",
		"echo one >&2; echo two >&2":           "two",
		"printf 'no newline' >&2":              "no newline",
		"echo said >&2; echo >&2; echo ' '>&2": "said",
		"head -c 70000 /dev/zero | tr '\\0' x >&2; echo >&2; echo end >&2": "end",
	} {
		if got := said(t, command).Last(); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

// TestTrim: words do not grow without bound, and what comes after is kept.
func TestTrim(t *testing.T) {
	t.Parallel()
	w := said(t, "head -c 70000 /dev/zero | tr '\\0' x >&2")
	w.Trim()
	if w.size() != 0 {
		t.Errorf("%d bytes are left", w.size())
	}
	w = said(t, "echo short >&2")
	w.Trim()
	if w.Last() != "short" {
		t.Errorf("%q", w.Last())
	}
	if w := (Words{-1}); w.Last() != "" || w.size() != 0 {
		t.Error("none have words")
	}
	if s := said(t, "printf 'a\\n\\tb\\n' >&2").Last(); strings.ContainsAny(s, "\t\n") {
		t.Errorf("%q", s)
	}
}
