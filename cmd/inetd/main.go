// Inetd is the internet super-server: it listens where inetd.conf says and runs the
// configured server for each connection. In go the command line, inherited descriptors and
// signals; out come a daemon, or the answer that an option asks for, and an exit status.
//
// This package turns the command line into one inetd.Config. It also does what concerns
// the process alone: going into the background, the pid file, signals, the service
// manager, and the options that speak to a daemon that is already running.
package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"inetd/internal/child"
	"inetd/internal/handover"
	"inetd/internal/inspect"
	"inetd/internal/pty"
	"inetd/internal/relay"
	"inetd/internal/zone"
)

func main() {
	if len(os.Args) > 1 { // this program executed as a helper of the daemon
		switch os.Args[1] {
		case pty.Flag:
			os.Exit(pty.Main(os.Args[2:]))
		case relay.Flag:
			os.Exit(relay.Main(os.Args[2:]))
		}
	}
	if tz, set := os.LookupEnv("TZ"); set {
		time.Local = zone.Location(tz) // for time stamps in the log; nothing else runs yet
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr *os.File) int {
	if len(args) > 0 && args[0] == proveArg {
		return prove(args[1:], os.Stdin, stdout)
	}
	o, err := parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "inetd: %v\n%s", err, usage)
		return 1
	}
	status, err := o.do(stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "inetd: %v\n", err)
		return max(status, 1)
	}
	return status
}

// do does the one thing the command line is about and returns the exit status.
func (o *options) do(stdout, stderr *os.File) (status int, err error) {
	switch {
	case o.help:
		fmt.Fprint(stdout, usage, help)
	case o.usage:
		fmt.Fprint(stdout, usage)
	case o.version:
		fmt.Fprintln(stdout, "inetd", version())
	case o.check:
		return min(inspect.Check(&o.Config.Config, stdout, o.json), 1), nil
	case o.convert:
		errors, err := inspect.Convert(&o.Config.Config, stdout, stderr)
		return min(errors, 1), err
	case o.reload:
		return reload(o.pidFile, stdout)
	case o.upgrade:
		return askUpgrade(o.pidFile, stdout)
	case o.status, o.metrics, o.explain != "":
		return o.tell(stdout)
	case o.stop:
		return 0, stop(o.pidFile)
	default:
		return o.start(stderr)
	}
	return 0, nil
}

// passing returns a configuration file that is a descriptor beyond the standard ones, such
// as a shell makes of <(command), or "". The process in the background does not have this
// descriptor.
func (o *options) passing() string {
	for _, path := range o.Files {
		n, beyond := strings.CutPrefix(path, "/dev/fd/")
		if fd, err := strconv.Atoi(n); beyond && err == nil && fd >= firstFD {
			return path
		}
	}
	return ""
}

// start serves, in the background unless told otherwise.
func (o *options) start(stderr *os.File) (status int, err error) {
	if err := o.arrive(); err != nil {
		return 1, err
	}
	if err := fewFiles(); err != nil && o.left == nil {
		return 1, err
	}
	closeOnExec()
	o.launched = launched()
	if o.background() && !o.launched && o.left == nil {
		if path := o.passing(); path != "" {
			return 1, fmt.Errorf("%s: the process in the background does not have it; use -f", path)
		}
		return launch()
	}
	return 0, o.serve(stderr)
}

// leastFiles is how many open files a daemon with a service or two needs.
const leastFiles = 32

// fewFiles returns an error if so few open files are allowed that the daemon could not work:
// with fewer than 8 Go's runtime ends the program, and with fewer than 16 none are left for
// clients. Package syscall has raised the soft limit to the hard limit.
func fewFiles() error {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || limit.Cur >= leastFiles {
		return nil
	}
	return fmt.Errorf("only %d open files are allowed, and at least %d are needed: raise ulimit -n, or LimitNOFILE of systemd", limit.Cur, leastFiles)
}

// arrive finds out what the previous program in this process has left, if there was one,
// and else which sockets whoever started this process has opened for it.
func (o *options) arrive() (err error) {
	o.signals = make(chan os.Signal, 8)
	if handover.Waiting() {
		listen(o.signals) // at once: until then a signal ends the process, or is ignored
	} else if err := child.FreshSignals(); err != nil {
		return err
	}
	if o.left, err = handover.Left(); err != nil {
		return err
	}
	if o.left != nil {
		return o.absoluteFrom(o.left.Process.Directory)
	}
	o.Inherited = inherited()
	o.own = ownPath()
	return nil
}

// release and commit are set by the linker for distribution packages, which are built
// without git.
var release, commit string

// version says what was built, from what, and by which Go for which machine.
func version() string {
	v, from := release, commit
	if info, ok := debug.ReadBuildInfo(); ok && v == "" {
		v = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				from = s.Value
			}
		}
	}
	about := []string{runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if from != "" {
		about = append([]string{"commit " + from}, about...)
	}
	return fmt.Sprintf("%s (%s)", cmp.Or(v, "(devel)"), strings.Join(about, ", "))
}
