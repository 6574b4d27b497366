package inetd

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Modules from elsewhere, each with the one task that it has here.
const (
	pflag   = "github.com/spf13/pflag"
	systemd = "github.com/coreos/go-systemd/v22/daemon"
	gsyslog = "github.com/hashicorp/go-syslog"
	unixsys = "golang.org/x/sys/unix"
)

// picture is the architecture: what each package imports of the others and of other
// modules. A package that is not in the picture does not belong in the tree.
var picture = map[string][]string{
	"cmd/inetd": {
		"internal/child", "internal/conf", "internal/diagnose", "internal/handover", "internal/inetd", "internal/inspect", "internal/nearest", "internal/pty", "internal/relay", "internal/sock", "internal/status", "internal/syslog", "internal/zone", pflag, systemd, unixsys,
		"internal/account", "internal/environ", "internal/gc", "internal/limit", "internal/loop", // only adjacent.go does
	},
	"internal/inetd": {
		"internal/access", "internal/account", "internal/admission", "internal/arrival", "internal/builtin", "internal/child", "internal/client", "internal/command", "internal/conf", "internal/dgram", "internal/diagnose", "internal/drain", "internal/environ",
		"internal/gate", "internal/gc", "internal/getent", "internal/handover", "internal/hosts", "internal/idle", "internal/inquiry", "internal/keep", "internal/limit", "internal/logbook", "internal/loop", "internal/machine", "internal/passing", "internal/plaintext", "internal/plan",
		"internal/running", "internal/sock", "internal/status", "internal/stream", "internal/strerror", "internal/succession", "internal/syslog", "internal/table", "internal/talk", "internal/threads", "internal/watch", "internal/zone", unixsys,
	},

	"internal/inspect": {
		"internal/access", "internal/child", "internal/conf", "internal/getent", "internal/machine", "internal/plan", "internal/report", "internal/sock", "internal/status", "internal/textfile", "internal/wrap",
	},
	"internal/machine": {"internal/hosts", "internal/plan", unixsys},
	"internal/plan":    {"internal/access", "internal/account", "internal/builtin", "internal/conf", "internal/examine", "internal/hosts", "internal/ident", "internal/limit", "internal/netdb", "internal/plaintext", "internal/prefix", "internal/report", "internal/slab", "internal/sock", "internal/strerror", "internal/textfile", "internal/wrap", "internal/xinetd", unixsys},

	"internal/loop":         {unixsys},
	"internal/examine":      {"internal/sock", "internal/sockdiag", "internal/strerror", "internal/textfile", unixsys},
	"internal/status":       {"internal/limit", "internal/nearest", "internal/plaintext"},
	"internal/access":       {"internal/nearest", "internal/plaintext", "internal/prefix"},
	"internal/account":      {"internal/nearest", "internal/plaintext", "internal/textfile", unixsys},
	"internal/builtin":      {},
	"internal/admission":    {"internal/access", "internal/child", "internal/client", "internal/conf", "internal/inquiry", "internal/limit", "internal/logbook", "internal/machine", "internal/plan", "internal/prefix", "internal/running", "internal/syslog", "internal/table", "internal/zone", unixsys},
	"internal/arrival":      {"internal/child", "internal/client", "internal/limit", "internal/logbook", "internal/loop", "internal/proxyproto", "internal/stream", "internal/strerror", "internal/table", unixsys},
	"internal/child":        {"internal/child/nofile", "internal/strerror", unixsys},
	"internal/child/nofile": {},
	"internal/client":       {"internal/dgram", "internal/handover", "internal/limit", "internal/sock", "internal/table", unixsys},
	"internal/conf":         {"internal/nearest", "internal/plaintext"},
	"internal/command":      {"internal/child", "internal/getent", "internal/stream", unixsys},
	"internal/compile":      {"internal/child", "internal/conf", "internal/environ", "internal/plan", "internal/pty"},
	"internal/demand":       {},
	"internal/dgram":        {"internal/sock", unixsys},
	"internal/diagnose":     {"internal/child", "internal/conf", "internal/examine", "internal/logbook", "internal/loop", "internal/misfit", "internal/plaintext", "internal/plan", "internal/running", "internal/sock", "internal/strerror", "internal/syslog", "internal/table", unixsys},
	"internal/drain":        {"internal/child", "internal/loop", unixsys},
	"internal/environ":      {},
	"internal/freeport":     {"internal/sockdiag", unixsys}, // of tests
	"internal/gate":         {"internal/diagnose", "internal/logbook", "internal/loop", "internal/sock", "internal/strerror", "internal/syslog", "internal/table"},
	"internal/gc":           {unixsys},
	"internal/getent":       {"internal/strerror"},
	"internal/golden":       {"github.com/google/go-cmp/cmp"}, // of tests
	"internal/handover":     {"internal/demand", "internal/limit", "internal/rpcbind", "internal/sock", "internal/status", unixsys},
	"internal/hosts":        {},
	"internal/idle":         {"internal/conf", "internal/logbook", "internal/loop", "internal/plan", "internal/running", "internal/sock", "internal/sockdiag", "internal/strerror", "internal/table", unixsys},
	"internal/ident":        {unixsys},
	"internal/inquiry":      {"internal/access", "internal/child", "internal/client", "internal/command", "internal/compile", "internal/environ", "internal/getent", "internal/logbook", "internal/loop", "internal/machine", "internal/plan", "internal/sock", "internal/syslog", "internal/table", "internal/wrap", unixsys},
	"internal/keep":         {"internal/child", "internal/examine", "internal/gate", "internal/handover", "internal/logbook", "internal/loop", "internal/netwatch", "internal/plaintext", "internal/registrar", "internal/rpcbind", "internal/running", "internal/seldom", "internal/sock", "internal/strerror", "internal/syslog", "internal/table", unixsys},
	"internal/lastwords":    {unixsys},
	"internal/limit":        {},
	"internal/logbook":      {"internal/access", "internal/client", "internal/limit", "internal/loop", "internal/plaintext", "internal/plan", "internal/seldom", "internal/strerror", "internal/syslog", "internal/table"},
	"internal/netdb":        {"internal/nearest"},
	"internal/misfit":       {"internal/examine", "internal/sockdiag", unixsys},
	"internal/nearest":      {},
	"internal/netwatch":     {unixsys},
	"internal/plaintext":    {},
	"internal/prefix":       {},
	"internal/pty":          {"internal/child", unixsys},
	"internal/proxyproto":   {},
	"internal/passing":      {"internal/child", "internal/compile", "internal/demand", "internal/diagnose", "internal/environ", "internal/handover", "internal/lastwords", "internal/limit", "internal/logbook", "internal/loop", "internal/occupant", "internal/plaintext", "internal/readiness", "internal/relay", "internal/running", "internal/status", "internal/strerror", "internal/syslog", "internal/table", unixsys},
	"internal/readiness":    {unixsys},
	"internal/registrar":    {"internal/rpcbind", "internal/syslog"},
	"internal/occupant":     {"internal/sockdiag", unixsys},
	"internal/report":       {"internal/conf", "internal/limit", "internal/plaintext"},
	"internal/relay":        {"internal/occupant", "internal/proxyproto", unixsys},
	"internal/rpcbind":      {unixsys},
	"internal/running":      {"internal/child", "internal/client", "internal/compile", "internal/logbook", "internal/loop", "internal/sock", "internal/stderrlog", "internal/strerror", "internal/syslog", "internal/table", unixsys},
	"internal/seldom":       {},
	"internal/slab":         {},
	"internal/sock":         {unixsys},
	"internal/sockdiag":     {unixsys},
	"internal/stderrlog":    {unixsys},
	"internal/stream":       {"internal/child", "internal/limit", "internal/proxyproto", unixsys},
	"internal/strerror":     {},
	"internal/succession":   {"internal/child", "internal/client", "internal/dgram", "internal/handover", "internal/keep", "internal/running", "internal/stream", "internal/table"},
	"internal/syslog":       {gsyslog, unixsys},
	"internal/talk":         {"internal/admission", "internal/builtin", "internal/child", "internal/client", "internal/gate", "internal/ident", "internal/limit", "internal/logbook", "internal/loop", "internal/plan", "internal/sock", "internal/stream", "internal/strerror", "internal/syslog", "internal/table", "internal/zone", unixsys},
	"internal/textfile":     {unixsys},
	"internal/table":        {"internal/access", "internal/account", "internal/builtin", "internal/child", "internal/compile", "internal/conf", "internal/handover", "internal/hosts", "internal/limit", "internal/plaintext", "internal/plan", "internal/prefix", "internal/rpcbind", "internal/slab", "internal/sock", "internal/status", unixsys},
	"internal/threads":      {unixsys},
	"internal/watch":        {unixsys},
	"internal/wrap":         {"internal/access", "internal/limit", "internal/strerror", "internal/textfile", unixsys},
	"internal/wrap/dnstest": {}, // of tests
	"internal/xinetd":       {"internal/conf", "internal/nearest", "internal/plaintext"},
	"internal/zone":         {"internal/textfile"},

	"internal/child/childtest":  {"internal/child"},                                                         // of tests
	"internal/logbook/booktest": {"internal/logbook", "internal/loop", "internal/syslog", "internal/table"}, // of tests
	"internal/loop/looptest":    {"internal/loop", unixsys},                                                 // of tests
	"internal/sock/socktest":    {unixsys},                                                                  // of tests

	"internal/bench":  {unixsys}, // tools of their own
	"internal/soak":   {unixsys},
	"internal/differ": {unixsys}, // another tool
}

// pure are the packages that turn text or bytes into values. They can be tested and fuzzed
// without a kernel, because they do not call it.
var pure = []string{"internal/access", "internal/builtin", "internal/conf", "internal/demand", "internal/environ", "internal/limit", "internal/nearest", "internal/netdb", "internal/plaintext", "internal/prefix", "internal/proxyproto", "internal/report", "internal/seldom", "internal/slab", "internal/xinetd"}

// outside is what reaches beyond the process.
var outside = []string{"net", "os", "os/exec", "os/signal", "os/user", "path/filepath", "plugin", "syscall", unixsys}

const module = "inetd/"

// goPackage is what go list tells about a package.
type goPackage struct {
	ImportPath string
	Imports    []string
	GoFiles    []string
}

func TestImportsFollowThePicture(t *testing.T) {
	t.Parallel()
	missing := make(map[string]bool)
	for name := range picture {
		missing[name] = true
	}
	for _, p := range goList(t, "./...") {
		name := strings.TrimPrefix(p.ImportPath, module)
		delete(missing, name)
		allowed, ok := picture[name]
		if !ok {
			t.Errorf("%s is not in the picture", name)
		}
		for _, path := range p.Imports {
			path = strings.TrimPrefix(path, module)
			if foreign(path) && !slices.Contains(allowed, path) {
				t.Errorf("%s must not import %s", name, path)
			}
		}
		for _, path := range allowed {
			if !slices.Contains(p.Imports, path) && !slices.Contains(p.Imports, module+path) {
				t.Errorf("the picture has an arrow from %s to %s, and there is none", name, path)
			}
		}
	}
	for name := range missing {
		t.Errorf("%s is in the picture, but there is no such package", name)
	}
}

// foreign reports whether an import comes from outside the standard library.
func foreign(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".") || first == "cmd" || first == "internal"
}

// TestTopLevel: nothing else stands at the top of the tree than what belongs there. Names
// that begin with a dot are not looked at, and make puts what it builds into bin.
func TestTopLevel(t *testing.T) {
	t.Parallel()
	belongs := []string{"bin", "cmd", "internal", "testdata", "go.mod", "go.sum", "Makefile", "README.md", "inetd.conf.example", "services.example"}
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(belongs, e.Name()) {
			t.Errorf("%s does not belong at the top of the tree", e.Name())
		}
	}
}

func TestPurePackagesReachForNothing(t *testing.T) {
	t.Parallel()
	var patterns []string
	for _, name := range pure {
		patterns = append(patterns, module+name)
	}
	for _, p := range goList(t, patterns...) {
		for _, path := range p.Imports {
			if slices.Contains(outside, path) {
				t.Errorf("%s must not import %s", p.ImportPath, path)
			}
		}
	}
}

// TestDaemonDoesNotWaitForChildrenTwice: one place reaps all children, and
// os/exec would take some away from it.
func TestDaemonDoesNotWaitForChildrenTwice(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, "-deps", module+"cmd/inetd") {
		if slices.Contains(p.Imports, "os/exec") {
			t.Errorf("%s imports os/exec and is part of the daemon", p.ImportPath)
		}
	}
}

// TestNofileIsInitializedFirst: package nofile imports nothing. Otherwise it would be
// initialized after its imports, and package syscall might come before it.
func TestNofileIsInitializedFirst(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, module+"internal/child/nofile") {
		if len(p.Imports) > 0 {
			t.Errorf("it imports %q", p.Imports)
		}
	}
}

// TestAdjacentComesFirst: otherwise the imports of another file decide where in the program
// the packages lie that serve clients.
func TestAdjacentComesFirst(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, module+"cmd/inetd") {
		if p.GoFiles[0] != "adjacent.go" {
			t.Errorf("%s comes before adjacent.go", p.GoFiles[0])
		}
	}
}

// goList asks go list about packages.
func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip(err) // the test binary runs somewhere else
	}
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,GoFiles"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for d := json.NewDecoder(out); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if err := cmd.Wait(); err != nil || len(list) == 0 {
		t.Fatalf("go list %q: %d packages, %v", args, len(list), err)
	}
	return list
}
