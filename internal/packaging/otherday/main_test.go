//go:build linux && amd64

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// tellEnv has the test program tell the time instead of testing.
const tellEnv = "OTHERDAY_TELL"

func TestMain(m *testing.M) {
	if os.Getenv(tellEnv) != "" {
		fmt.Println(time.Now().Unix())
		return
	}
	os.Exit(m.Run())
}

// TestOtherDay: a Go program, a C program and what a shell starts are told another day.
func TestOtherDay(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root may do without no_new_privs")
	}
	otherday := filepath.Join(t.TempDir(), "otherday")
	if out, err := exec.Command("go", "build", "-o", otherday, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const days = 400
	for _, argv := range [][]string{{os.Args[0]}, {"date", "+%s"}, {"sh", "-c", "date +%s; exit 3"}} {
		cmd := exec.Command(otherday, append([]string{strconv.Itoa(days)}, argv...)...)
		cmd.Env = append(os.Environ(), tellEnv+"=1")
		out, err := cmd.Output()
		if fails := argv[0] == "sh"; fails != (err != nil) || fails && cmd.ProcessState.ExitCode() != 3 {
			t.Errorf("%q: %v", argv, err)
		}
		seconds, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
		if later := time.Until(time.Unix(seconds, 0)).Round(time.Hour); err != nil || later != days*24*time.Hour {
			t.Errorf("%q is told %q, %v later", argv, out, later)
		}
	}
}
