package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"inetd/internal/conf"
	"inetd/internal/netdb"
)

const (
	exampleConf     = "../../inetd.conf.example"
	exampleServices = "../../services.example"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestExample: what is on in the example can be served by any user, gives no complaint, and
// is open to this machine only.
func TestExample(t *testing.T) {
	t.Parallel()
	entries, problems := conf.Parse("inetd.conf.example", []byte(read(t, exampleConf)), nil)
	for _, p := range problems {
		t.Error(p)
	}
	services := netdb.ParseServices(read(t, exampleServices))
	for _, e := range entries {
		if e.User != "" {
			t.Errorf("%s: user %q", e.Pos, e.User)
		}
		if !slices.ContainsFunc(e.Hosts, isLoopback) || len(e.Hosts) != 1 {
			t.Errorf("%s: listens on %q", e.Pos, e.Hosts)
		}
		if s, ok := services.ByName(e.Service, e.Proto); !ok || s.Port < 1024 {
			t.Errorf("%s: port %d in services.example", e.Pos, s.Port)
		}
	}
	if len(entries) < 10 {
		t.Errorf("%d entries", len(entries))
	}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// off matches the lines of the example that are commented out, but not its prose.
var off = regexp.MustCompile(`(?m)^#([^\s#]|\t/)`)

// TestExampleLinesThatAreOff: each line that is commented out could be turned on.
func TestExampleLinesThatAreOff(t *testing.T) {
	t.Parallel()
	text := read(t, exampleConf)
	entries, problems := conf.Parse("inetd.conf.example", []byte(off.ReplaceAllString(text, "$1")), nil)
	for _, p := range problems {
		if p.Severity != conf.Hint {
			t.Error(p)
		}
	}
	serving, _ := conf.Parse("inetd.conf.example", []byte(text), nil)
	if lines := len(off.FindAllString(text, -1)) - 1; len(entries)-len(serving) != lines { // one of the lines continues another
		t.Errorf("%d entries in %d lines that are off", len(entries)-len(serving), lines)
	}
}

// TestExampleSessions: the ports that newcomers are told to try are served.
func TestExampleSessions(t *testing.T) {
	t.Parallel()
	text := read(t, exampleConf)
	entries, _ := conf.Parse("inetd.conf.example", []byte(text), nil)
	services := netdb.ParseServices(read(t, exampleServices))
	served := map[string]bool{}
	for _, e := range entries {
		s, _ := services.ByName(e.Service, e.Proto)
		served[e.Proto+" "+strconv.Itoa(int(s.Port))] = true
	}
	tries := regexp.MustCompile(`nc .*127\.0\.0\.1 (\d+)`).FindAllStringSubmatch(text+read(t, "../../README.md"), -1)
	if len(tries) == 0 {
		t.Error("nothing to try")
	}
	for _, m := range tries {
		proto := "tcp"
		if strings.Contains(m[0], "-u") {
			proto = "udp"
		}
		if !served[proto+" "+m[1]] {
			t.Errorf("%q: nothing answers there", m[0])
		}
	}
}

// TestMakeRun: "make run" serves with the program that is there until its source is newer,
// because a user may be unable to build one.
func TestMakeRun(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("needs make")
	}
	dir, early := t.TempDir(), time.Now().Add(-time.Hour)
	for path, text := range map[string]string{
		"Makefile": read(t, "../../Makefile"), "inetd.conf.example": "", "go.mod": "", "go.sum": "", "cmd/x.go": "", "internal/x.go": "", "bin/inetd": "",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, path), early, early); err != nil {
			t.Fatal(err)
		}
	}
	builds := func() bool {
		out, err := exec.Command("make", "-C", dir, "-n", "run").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "bin/inetd -f ") {
			t.Fatalf("%v\n%s", err, out)
		}
		return strings.Contains(string(out), " build -trimpath ")
	}
	if builds() {
		t.Error("the program that is there is not used")
	}
	if err := os.Chtimes(filepath.Join(dir, "internal/x.go"), time.Time{}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if !builds() {
		t.Error("a program is used that is older than its source")
	}
}
