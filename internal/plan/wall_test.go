package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pure are imports of this package that can do nothing but compute, or read files.
var pure = []string{
	"bufio", "bytes", "cmp", "crypto/sha256", "encoding/json", "errors", "fmt", "io", "io/fs", "net/netip", "slices", "strconv", "strings", "unicode",
	"inetd/internal/access", "inetd/internal/account", "inetd/internal/conf", "inetd/internal/limit", "inetd/internal/netdb", "inetd/internal/plaintext",
	"inetd/internal/prefix", "inetd/internal/report", "inetd/internal/slab", "inetd/internal/strerror", "inetd/internal/textfile", "inetd/internal/xinetd",
}

// lent are the names that this package may use of its other imports: types, constants, and
// functions that compute or read files.
var lent = map[string]string{
	"net":                    `SplitHostPort`,
	"os":                     `ReadDir|Readlink|Stat`,
	"path/filepath":          `Base|Clean|Dir|EvalSymlinks|Glob|IsAbs|Join`, // Abs asks for the working directory
	"time":                   `Duration|Second|Minute`,
	"golang.org/x/sys/unix":  `[A-Z0-9_]+|L?[Ss]tat(_t)?`,
	"inetd/internal/builtin": `Names`,
	"inetd/internal/examine": `Append|Finding|Program|Socket|User`,
	"inetd/internal/hosts":   `Addresses|ErrPending|Unknown`,
	"inetd/internal/ident":   `Options|ParseOptions`,
	"inetd/internal/sock":    `Options|Spec|Tuning|UnixSpec|VsockSpec`,
	"inetd/internal/wrap":    `Files|Fixed|Hosts|Rules|Sec`,
}

// TestLoadHasNoEffect: this package starts no goroutine, waits for no channel or timer,
// and uses of other packages nothing that opens a socket, starts a process, or asks for
// a fact of the machine, which Host is to tell.
func TestLoadHasNoEffect(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range effects(file) {
			t.Errorf("%v: %s", set.Position(fault.at), fault.text)
		}
	}
}

// effect is what does not belong into this package.
type effect struct {
	at   token.Pos
	text string
}

// effects finds what a source file does beyond computing and reading files.
func effects(file *ast.File) (found []effect) {
	allowed := map[string]*regexp.Regexp{} // by the name of the package in this file
	for _, i := range file.Imports {
		from, _ := strconv.Unquote(i.Path.Value)
		names, ok := lent[from]
		switch {
		case i.Name != nil:
			found = append(found, effect{i.Pos(), "an import is renamed, so this test does not see through it"})
		case ok:
			allowed[path.Base(from)] = regexp.MustCompile("^(" + names + ")$")
		case !slices.Contains(pure, from):
			found = append(found, effect{i.Pos(), from + " is imported"})
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, effect{n.Pos(), "a goroutine is started"})
		case *ast.ChanType, *ast.SelectStmt:
			found = append(found, effect{n.Pos(), "a channel is used"})
		case *ast.SelectorExpr:
			from, _ := n.X.(*ast.Ident)
			if from != nil && allowed[from.Name] != nil && !allowed[from.Name].MatchString(n.Sel.Name) {
				found = append(found, effect{n.Pos(), from.Name + "." + n.Sel.Name + " is used"})
			}
		}
		return true
	})
	return found
}

// TestEffectsAreSeen: the test above finds what it is to find.
func TestEffectsAreSeen(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`import "os"; var _, _ = os.Stat("/")`:                     "",
		`import "sync"`:                                            "sync is imported",
		`import "os/exec"`:                                         "os/exec is imported",
		`import . "os"`:                                            "an import is renamed, so this test does not see through it",
		`import "net"; var _, _ = net.InterfaceAddrs()`:            "net.InterfaceAddrs is used",
		`import "time"; var _ = time.Now()`:                        "time.Now is used",
		`import "golang.org/x/sys/unix"; var _ = unix.Getrlimit`:   "unix.Getrlimit is used",
		`import "golang.org/x/sys/unix"; var _ = unix.SOCK_STREAM`: "",
		`import "inetd/internal/sock"; var _ = sock.Open`:          "sock.Open is used",
		`func f() { go f() }`:                                      "a goroutine is started",
		`func f(c <-chan int) { }`:                                 "a channel is used",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "", "package plan; "+source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, e := range effects(file) {
			got += e.text
		}
		if got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
}
