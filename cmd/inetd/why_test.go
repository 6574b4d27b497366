package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inetd/internal/freeport"
	"inetd/internal/golden"
)

// A whyScene is a fault, and what the log says of it. The scenes are in testdata/why. The
// first character of a line says what it is:
//
//	# the fault, in words; "(root)" if only root can make it
//	$ a command of the shell that prepares it, in the directory of the scene
//	- options of inetd
//	| a line of the configuration
//	> a network, an address, and what a client sends there: three clients, one after the other
//	+ the same of one client
//	< a line of the log
//
// In all lines DIR is the directory of the scene, CONF the configuration in it, and PORT,
// PORT1 and so on are ports. In the log, PID and CLIENT are numbers that the kernel chooses,
// TIME is a time of day or how long something has taken, USER is a name, ADDRESSES are those
// of the machine, and COL is a column, which depends on the length of DIR as LENGTH does.
type whyScene struct {
	title, setup, options, conf string
	clients                     []string // with > or +
	log                         []string
}

const whyFile = "../../testdata/why"

// TestWhy makes real faults. The log must be exactly what the scene says: subject, cause,
// place, and advice where there is any, once and not per client, and nothing about another
// service, the neighbour, which is served all the same.
func TestWhy(t *testing.T) {
	t.Parallel()
	life, err := newLifeline(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { life.l.Close() })
	scenes := readScenes(t)
	if !golden.Update() && len(scenes) < 70 {
		t.Errorf("only %d scenes", len(scenes))
	}
	seen := make([]*whyScene, len(scenes))
	t.Run("scenes", func(t *testing.T) {
		for i, sc := range scenes {
			t.Run(sc.title, func(t *testing.T) {
				t.Parallel()
				if strings.Contains(sc.title, "(root)") && os.Getuid() != 0 {
					t.Skip("needs root")
				}
				got := sc.play(t, life)
				if !golden.Update() && !slices.Equal(got, sc.log) {
					t.Errorf("the log is\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(sc.log, "\n"))
				}
				sc.log = got
				seen[i] = sc
			})
		}
	})
	if golden.Update() {
		writeScenes(t, seen)
	}
}

// readScenes reads the file of scenes. Its first lines, up to an empty line, explain it.
func readScenes(t *testing.T) (scenes []*whyScene) {
	text, err := os.ReadFile(whyFile)
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "\n\n")
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[0] != '#' && len(scenes) == 0 {
			t.Fatalf("%s: %q", whyFile, line)
		}
		kind, rest := line[0], line[2:]
		if kind == '#' {
			scenes = append(scenes, &whyScene{title: rest})
			continue
		}
		switch sc := scenes[len(scenes)-1]; kind {
		case '$':
			sc.setup += rest + "\n"
		case '-':
			sc.options += rest + " "
		case '|':
			sc.conf += rest + "\n"
		case '>', '+':
			sc.clients = append(sc.clients, line)
		case '<':
			sc.log = append(sc.log, rest)
		default:
			t.Fatalf("%s: %q", whyFile, line)
		}
	}
	return scenes
}

// writeScenes writes the file anew, with the logs that were seen.
func writeScenes(t *testing.T, scenes []*whyScene) {
	text, err := os.ReadFile(whyFile)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "\n\n")
	var b strings.Builder
	b.WriteString(head + "\n")
	put := func(kind, lines string) {
		for line := range strings.Lines(lines) {
			b.WriteString(kind + " " + strings.TrimSuffix(line, "\n") + "\n")
		}
	}
	for _, sc := range scenes {
		b.WriteString("\n")
		put("#", sc.title)
		put("$", sc.setup)
		put("-", strings.TrimSpace(sc.options))
		put("|", sc.conf)
		for _, line := range sc.clients {
			b.WriteString(line + "\n")
		}
		put("<", strings.Join(sc.log, "\n"))
	}
	golden.Compare(t, whyFile, b.String())
}

// stage has what the names in a scene stand for.
type stage struct {
	dir   string
	ports map[string]string // by name
}

var portName = regexp.MustCompile(`\bPORT[0-9]*\b`)

// real replaces the names in a text by what they stand for.
func (g *stage) real(t *testing.T, text string) string {
	text = portName.ReplaceAllStringFunc(text, func(name string) string {
		if g.ports[name] == "" {
			port, err := freeport.Claim()
			if err != nil {
				t.Fatal(err)
			}
			g.ports[name] = strconv.Itoa(port)
		}
		return g.ports[name]
	})
	return strings.NewReplacer("CONF", g.dir+"/inetd.conf", "DIR", g.dir).Replace(text)
}

var (
	logPrefix  = regexp.MustCompile(`^inetd\[[0-9]+\]: `)
	confPlace  = regexp.MustCompile(`(CONF|--entry):([0-9]+):[0-9]+`)
	clientPort = regexp.MustCompile(`((?:from|peer|/tcp4\[[0-9]+\]) (?:127\.0\.0\.1|\[?::1\]?)):[0-9]+`)
	processID  = regexp.MustCompile(`(process |pid |/[a-z0-9]+\[|\b(?:exe|server)\[)[0-9]+\b`)
	pathLength = regexp.MustCompile(`path of [0-9]+ bytes`)
	addresses  = regexp.MustCompile(`this machine has .*`)
	timeTaken  = regexp.MustCompile(`\bafter [0-9.]+m?s\b`)
	ofUser     = regexp.MustCompile(`\[PID\] of user [a-z0-9_-]+`)
	clockTime  = regexp.MustCompile(`\b[0-9]{2}:[0-9]{2}:[0-9]{2}\b`)
)

// named puts the names back into a line of the log.
func (g *stage) named(line string) string {
	line = logPrefix.ReplaceAllString(line, "")
	line = strings.NewReplacer(g.dir+"/inetd.conf", "CONF", g.dir, "DIR").Replace(line)
	for name, port := range g.ports {
		line = regexp.MustCompile(`\b`+port+`\b`).ReplaceAllString(line, name)
	}
	line = confPlace.ReplaceAllString(line, "$1:$2:COL")
	line = clientPort.ReplaceAllString(line, "$1:CLIENT")
	line = pathLength.ReplaceAllString(line, "path of LENGTH bytes")
	line = addresses.ReplaceAllString(line, "this machine has ADDRESSES")
	line = clockTime.ReplaceAllString(line, "TIME")
	line = timeTaken.ReplaceAllString(line, "after TIME")
	line = processID.ReplaceAllString(line, "${1}PID")
	return ofUser.ReplaceAllString(line, "[PID] of user USER")
}

// play makes the fault and returns the log, without what the daemon says when all is well.
func (sc *whyScene) play(t *testing.T, life *lifeline) (log []string) {
	g := &stage{dir: t.TempDir(), ports: map[string]string{}}
	if err := os.Chmod(g.dir, 0o755); err != nil { // servers of other users lie here
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(g.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := g.real(t, sc.conf)
	neighbour := g.dir + "/neighbour"
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("inetd.conf", conf)
	write("neighbour.conf", neighbour+" stream unix nowait - internal echo\n")
	sh := exec.Command("sh", "-ec", g.real(t, sc.setup))
	sh.Dir = g.dir
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d := sc.start(t, g, life)
	lines := make(chan string, 1000)
	served, suspend := context.WithCancel(t.Context())
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(d.out); s.Scan(); {
			if strings.Contains(s.Text(), ", service suspended: ") {
				suspend()
			}
			lines <- s.Text()
		}
	}()
	if log = append(log, until(t, lines, func(line string) bool { return strings.Contains(line, "serving ") })...); len(log) == 0 {
		t.Fatal("it does not serve")
	}
	for _, line := range sc.clients {
		times := map[byte]int{'>': 3, '+': 1}[line[0]]
		for range times {
			sc.visit(t, served, g.real(t, line[2:]))
		}
	}
	log = append(log, sc.awaited(lines, len(sc.said(g, log)))...)
	echo(t, neighbour)
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for line := range lines {
		log = append(log, line)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Error(err)
	}
	return sc.said(g, log)
}

// whyDaemon is the daemon of a scene.
type whyDaemon struct {
	cmd *exec.Cmd
	out *os.File
}

func (sc *whyScene) start(t *testing.T, g *stage, life *lifeline) whyDaemon {
	bin, err := exec.LookPath("inetd")
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	defer w.Close()
	args := append([]string{"-f", "-e", "--pidfile="}, strings.Fields(g.real(t, sc.options))...)
	cmd := exec.Command(bin, append(args, g.dir+"/inetd.conf", g.dir+"/neighbour.conf")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = g.dir, w, w
	cmd.Env = append(os.Environ(), lifelineEnv+"="+life.name)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return whyDaemon{cmd, r}
}

// until reads lines up to one for which meant returns true.
func until(t *testing.T, lines <-chan string, meant func(string) bool) (read []string) {
	late := time.After(time.Minute)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("it has ended:\n%s", strings.Join(read, "\n"))
			}
			if read = append(read, line); meant(line) {
				return read
			}
		case <-late:
			t.Fatalf("waited too long:\n%s", strings.Join(read, "\n"))
		}
	}
}

// awaited reads the lines that the log still lacks, since some come a moment after the
// client has gone. With -update it waits for whatever comes.
func (sc *whyScene) awaited(lines <-chan string, have int) (read []string) {
	patience := 30 * time.Second
	if golden.Update() {
		patience = time.Second
	}
	late := time.After(patience)
	for golden.Update() || have+len(read) < len(sc.log) {
		select {
		case line := <-lines:
			read = append(read, line)
		case <-late:
			return read
		}
	}
	return read
}

// said returns what the log says of the fault.
func (sc *whyScene) said(g *stage, log []string) (said []string) {
	for _, line := range log {
		line = g.named(line)
		if !strings.HasPrefix(line, "inetd reading ") && !strings.HasPrefix(line, "serving ") {
			said = append(said, line)
		}
	}
	return said
}

// visit is a client that sends its text and waits for the end of the connection, unless the
// service is suspended. It may be unable to connect, which may be the fault of the scene.
func (sc *whyScene) visit(t *testing.T, served context.Context, to string) {
	network, rest, _ := strings.Cut(to, " ")
	addr, text, _ := strings.Cut(rest, " ")
	conn, err := net.Dial(network, addr)
	if err != nil {
		return
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(served, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	text, stays := strings.CutSuffix(text, "...")
	fmt.Fprint(conn, text)
	if network[0] == 'u' && network != "unix" {
		return
	}
	if !stays {
		conn.(interface{ CloseWrite() error }).CloseWrite()
	}
	for b := make([]byte, 1000); ; {
		if _, err := conn.Read(b); err != nil {
			return
		}
	}
}

// echo is a client of the neighbour.
func echo(t *testing.T, path string) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Errorf("the neighbour: %v", err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(conn, "hello")
	b := make([]byte, 5)
	if n, err := conn.Read(b); string(b[:n]) != "hello" {
		t.Errorf("the neighbour answers %q, %v", b[:n], err)
	}
}
