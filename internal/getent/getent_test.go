package getent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExec: the first line of the output counts, and the exit status.
func TestExec(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		command, line string
		found         bool
	}{
		{"echo ann:x:1000; echo more", "ann:x:1000", true},
		{"exit 2", "", false},
		{"echo half; exit 1", "half", false},
		{"cat; echo there is no input", "there is no input", true},
		{"echo hidden >&2", "", true},
		{"kill -9 $$", "", false},
	} {
		line, found, err := Exec("/bin/sh", "sh", "-c", tt.command)
		if line != tt.line || found != tt.found || err != nil {
			t.Errorf("%s: %q %v %v", tt.command, line, found, err)
		}
	}
}

// TestExecFails: the error names what cannot be executed, in the words of the C library.
func TestExecFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, found, err := Exec(path, "program"); found || err == nil || err.Error() != path+": Permission denied" {
		t.Errorf("%v %v", found, err)
	}
}

// TestGivesUp: after an answer that does not come nothing more is asked. That a key does
// not exist is an answer.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(program); err != nil {
		t.Skip(err)
	}
	var asked []string
	ask := New(func(argv ...string) (string, bool, error) {
		asked = append(asked, strings.Join(argv, " "))
		if argv[3] == "slow" {
			return "", false, ErrSlow
		}
		return "", false, nil
	})
	for _, key := range []string{"none", "slow", "other"} {
		_, found, err := ask("passwd", key)
		if found || errors.Is(err, ErrSlow) != (key != "none") {
			t.Errorf("%s: %v %v", key, found, err)
		}
	}
	if len(asked) != 2 || asked[0] != "/usr/bin/getent getent passwd none" {
		t.Errorf("asked %q", asked)
	}
}
