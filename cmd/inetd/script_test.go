package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script run the real program: this test binary is
// copied to a directory in $PATH under the name of every command below. Beside
// the commands of testscript they have:
//
//	freeport NAME...           sets each NAME to a port nobody else uses
//	expand FILE...             replaces $NAME in the files as the script would
//	recipe FILE NAME FROM=TO... writes to FILE the example of inetd.conf(5) that begins with NAME,
//	                           with some paths and ports replaced
//	start [@ID] [NAME=VALUE]... ARG...
//	                           runs inetd -e -p $WORK/ID.pid ARG... in the background, with NAME in
//	                           its environment, and returns when it serves; the usual ID is inetd
//	foreground [@ID] [NAME=VALUE]... ARG...
//	                           runs inetd -f -e -p $WORK/ID.pid ARG... and returns at once
//	waitlog [@ID] PATTERN      waits until the log has a match after that of the last waitlog;
//	                           with !, there must be none in the whole log
//	signal NAME [@ID]          sends SIGHUP, SIGTERM, ...
//	reload [@ID] [N]           sends SIGHUP, waits for the outcome and prints that part of the log;
//	                           all of it N times
//	waitexit [@ID] [STATUS]    waits until the daemon is gone; only one in the foreground has a status
//	notify                     sets NOTIFY_SOCKET and listens there as systemd does
//	waitnotify STATE           waits for a line that a daemon tells the service manager
//	dial NET ADDR [TEXT]       connects, sends TEXT (with \n and the like) and the end of it, and
//	                           prints the answer; with !, connecting must fail
//	dialfrom IP NET ADDR [TEXT] dials from a local address
//	dialuntil PATTERN NET ADDR dials until the answer matches
//	connect [N*]ID NET ADDR    connects for longer, N times as ID1, ID2, ...
//	send [N*]ID TEXT           sends TEXT on that connection
//	expect [N*]ID TEXT         reads exactly TEXT from it
//	silent ID                  wants nothing to read from it yet
//	closed ID                  reads the end from it and nothing else
//	hangup [N*]ID              closes it
//	ports ID NAME NAME         sets the two to its ports: the script's and the daemon's
//	occupy ID NET ADDR         listens there until hangup
//	rush N NET ADDR            makes N connections to an echoing service, 8 at a time
//	barrage C N W NET ADDR     has each of C clients send N datagrams, W of them unanswered at a
//	                           time, and wants each answered once
//	load [N*]NET ADDR [TEXT], unload
//	                           has N clients, usually 4, connect to an echoing service until
//	                           unload, and send TEXT first; none may fail
//	upgrade [@ID] [N]          has the daemon execute its program anew, N times
//	portat NAME [@ID] IP       sets NAME to the port of the daemon's only socket at that address
//	sockets [@ID]              prints the daemon's sockets: tcp or udp, address, inode
//	count [@ID] fd|task [FILE] prints how many descriptors or threads it has; with FILE, waits
//	                           until there are no more than it says
//	children [@ID] N           waits until it has that many children, zombies included
//	private [pid]              has daemons run in a mount namespace, and as process 1 of a pid
//	                           namespace (see private_test.go); needs [namespaces]
//	private noclone3           has them run where clone3 is refused
//	private nofile             has them run with a limit of 80 open files
//	inherit NET:ADDR...        has daemons inherit these sockets, as from systemd; file:PATH is a
//	                           file instead
//	syslogd start|stuck|read|stop
//	                           controls the syslog daemon behind their /dev/log; a stuck one does
//	                           not read
//	waitsyslog PATTERN         is like waitlog, for what the syslog daemon was told
//	dialsyslog NET ADDR        dials until the syslog daemon has been told something
//
// and the servers t-* of toys_test.go, which an inetd.conf finds in $BIN. [root] is whether
// the test runs as root; [namespaces] whether it may make namespaces; [hosts.allow] whether
// there are also /etc/hosts.allow and /etc/hosts.deny for private to replace; [ipv6]
// whether there is IPv6; [syslog] whether the machine has a syslog daemon, which no test may
// write to. Every wait has a deadline, and a daemon ends with its test, even if the test is
// killed.
func TestScripts(t *testing.T) {
	t.Parallel()
	life, err := newLifeline(t.Name())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { life.l.Close() })
	echo, err := exec.LookPath("t-echo")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv(lifelineEnv, life.name)
			env.Setenv("GORACE", raceEnv)
			env.Values[benchKey{}] = newBench(env)
			env.Setenv("BIN", filepath.Dir(echo))
			if conf := os.Getenv("CONTAINERS_CONF"); conf != "" {
				env.Setenv("CONTAINERS_CONF", conf) // of podman, see check-recipes
			}
			env.Setenv("VOSWORK", strings.ReplaceAll(env.WorkDir, "/", ">")) // as VOS would write it
			return nil
		},
		Condition:           condition,
		Cmds:                commands,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// commands are those that scripts have besides testscript's.
var commands = map[string]func(ts *script, neg bool, args []string){
	"freeport":   cmdFreePort,
	"expand":     cmdExpand,
	"recipe":     cmdRecipe,
	"start":      cmdStart,
	"foreground": cmdForeground,
	"waitlog":    cmdWaitLog,
	"signal":     cmdSignal,
	"reload":     cmdReload,
	"waitexit":   cmdWaitExit,
	"notify":     cmdNotify,
	"waitnotify": cmdWaitNotify,
	"dial":       cmdDial,
	"dialfrom":   cmdDialFrom,
	"dialuntil":  cmdDialUntil,
	"connect":    cmdConnect,
	"send":       cmdSend,
	"expect":     cmdExpect,
	"silent":     cmdSilent,
	"closed":     cmdClosed,
	"ports":      cmdPorts,
	"hangup":     cmdHangUp,
	"occupy":     cmdOccupy,
	"rush":       cmdRush,
	"barrage":    cmdBarrage,
	"load":       cmdLoad,
	"unload":     cmdUnload,
	"upgrade":    cmdUpgrade,
	"portat":     cmdPortAt,
	"sockets":    cmdSockets,
	"count":      cmdCount,
	"children":   cmdChildren,
	"inherit":    cmdInherit,
	"private":    cmdPrivate,
	"syslogd":    cmdSyslogd,
	"waitsyslog": cmdWaitSyslog,
	"dialsyslog": cmdDialSyslog,
}

// condition answers the conditions of scripts.
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Getuid() == 0, nil
	case "syslog":
		_, err := os.Stat("/dev/log")
		return err == nil, nil
	case "clone3":
		return haveClone3()
	case "ipv6":
		return haveIPv6(), nil
	case "namespaces":
		return haveNamespaces(), nil
	case "hundred":
		return os.Getenv("INETD_UPGRADES") != "", nil
	case "recipes":
		return os.Getenv("INETD_RECIPES") != "", nil
	case "containers":
		return os.Getenv("INETD_CONTAINERS") != "", nil
	case "hosts.allow":
		return haveAccessFiles(), nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// raceEnv is GORACE for the programs under test: with -race each would end a second late.
const raceEnv = "atexit_sleep_ms=0"

// perProcessor is how many tests run at once for each processor. Daemons and their clients
// wait more than they work: one test at a time leaves a processor idle two thirds of the time.
const perProcessor = 3

// heed lets a signal end the commands of scripts, even if the tests were started in the
// background by a shell that has its background jobs ignore the signal: a signal that is
// caught is not ignored after an exec.
func heed(sig os.Signal) {
	if signal.Ignored(sig) {
		signal.Notify(make(chan os.Signal, 1), sig)
	}
}

func TestMain(m *testing.M) {
	commands := maps.Clone(toys)
	commands["inetd"] = main
	for name, run := range commands {
		commands[name] = func() {
			holdLifeline()
			run()
		}
	}
	maps.Copy(commands, wrappers)
	// testscript goes by argv[0], but an inetd.conf may say anything there.
	if exe, err := os.Executable(); err == nil && commands[filepath.Base(exe)] != nil {
		commands[filepath.Base(exe)]()
		os.Exit(0)
	}
	heed(syscall.SIGINT)
	os.Setenv("GORACE", raceEnv)
	_ = flag.Set("test.parallel", strconv.Itoa(perProcessor*runtime.GOMAXPROCS(0))) // -parallel overrides it
	testscript.Main(m, commands)
}
