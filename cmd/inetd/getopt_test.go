package main

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// settings shows the fields of o that differ from those of an empty command line, and then
// the operands.
func settings(o *options) string {
	plain, err := parse(nil)
	if err != nil {
		return err.Error()
	}
	var set []string
	compare := func(got, usual reflect.Value) {
		for i := range got.NumField() {
			f := got.Type().Field(i)
			if f.Name == "Config" || f.Name == "Files" || f.Name == "Explicit" {
				continue
			}
			g, u := fmt.Sprint(got.Field(i)), fmt.Sprint(usual.Field(i))
			switch {
			case g == u:
			case g == "true":
				set = append(set, f.Name)
			default:
				set = append(set, f.Name+"="+g)
			}
		}
	}
	compare(reflect.ValueOf(*o), reflect.ValueOf(*plain))
	compare(reflect.ValueOf(o.Config.Config), reflect.ValueOf(plain.Config.Config))
	compare(reflect.ValueOf(o.Config), reflect.ValueOf(plain.Config))
	if o.Explicit {
		set = append(set, o.Files...)
	}
	return strings.Join(set, " ")
}

// commandLines are command lines and what they set, by the inetd that has the options.
var commandLines = []struct{ args, want string }{
	{"", ""},

	// Debian
	{"-d", "debug"},
	{"-i", "foreground"},
	{"-E", "KeepEnv"},
	{"-l", "Wrap"},
	{"-q 64", "Backlog=64"},
	{"-q64", "Backlog=64"},
	{"-q=64", "Backlog=64"},
	{"-R 128", "Starts=128"},
	{"-R128", "Starts=128"},
	{"-R 0", "Starts=0"},
	{"-R 010", "Starts=10"},
	{"-dE", "debug KeepEnv"},
	{"-il", "foreground Wrap"},
	{"-dEilq64R128", "error: -q: \"64R128\" is not a number from 1 to 65535"},
	{"-dEilq64 -R128 my.conf", "debug foreground Backlog=64 Starts=128 Wrap KeepEnv my.conf"},
	{"my.conf -d", "debug my.conf"},
	{"-- -d", "-d"},
	{"-d -- my.conf -i", "debug my.conf -i"},

	// FreeBSD and DragonFly
	{"-wW -C 60", "PerMinute=60 Wrap WrapInternal"},
	{"-ww", "Wrap"},
	{"-a 127.0.0.1", "Bind=127.0.0.1"},
	{"-a ::1 -d", "debug Bind=::1"},
	{"-c 20", "Max=20"},
	{"-c20", "Max=20"},
	{"-c 0", ""},
	{"-dc20", "debug Max=20"},
	{"-s 3", "PerSource=3"},
	{"-s3 my.conf", "PerSource=3 my.conf"},
	{"-p /x/inetd.pid", "pidFile=/x/inetd.pid pidFileGiven"},
	{"-p/x/inetd.pid", "pidFile=/x/inetd.pid pidFileGiven"},
	{"-dp x.pid my.conf", "debug pidFile=x.pid pidFileGiven my.conf"},
	{"-l -c 10 -R 0 /x.conf", "Starts=0 Max=10 Wrap /x.conf"},

	// NetBSD and busybox
	{"-f", "foreground"},
	{"-f -e -q 5 -R 9", "foreground log=stderr Backlog=5 Starts=9"},
	{"-fe my.conf", "foreground log=stderr my.conf"},

	// inetutils
	{"--debug", "debug"},
	{"--deb", "debug"},
	{"--fore", "foreground"},
	{"--environment --resolve", "Resolve"},
	{"--env --res", "Resolve"},
	{"--re", "Resolve"},
	{"--rate 7", "Starts=7"},
	{"--rate=7", "Starts=7"},
	{"--ra=7", "Starts=7"},
	{"--r=7", "error: option --r is ambiguous: --rate or --resolve"},
	{"--pidfile", "pidFile= pidFileGiven"},
	{"--pidfile=", "pidFile= pidFileGiven"},
	{"--pidfile=30", "pidFile=30 pidFileGiven"},
	{"--pid=x my.conf", "pidFile=x pidFileGiven my.conf"},
	{"--pidfile my.conf", "pidFile= pidFileGiven my.conf"},
	{"-p -d", "debug pidFile= pidFileGiven"},
	{"-d -p", "debug pidFile= pidFileGiven"},
	{"-px.pid a.conf b.d", "pidFile=x.pid pidFileGiven a.conf b.d"},
	{"--help", "help"},
	{"--h", "help"},
	{"-?", "help"},
	{"--usage", "usage"},
	{"--version", "version"},
	{"-V", "version"},

	// HP-UX
	{"-c", "reload"},
	{"-k", "stop"},
	{"-s", "LogConnections"},
	{"-p 30", "Processes=30"},
	{"-p30", "Processes=30"},
	{"-p ./30", "pidFile=./30 pidFileGiven"},
	{"-r 40", "Starts=40"},
	{"-r40 60", "Starts=40"},
	{"-r 100 30", "Starts=200"},
	{"-r 1 7", "Starts=9"},
	{"-l -r 40 60 -p 99", "Starts=40 Wrap Processes=99"},
	{"-c -p x.pid", "pidFile=x.pid pidFileGiven reload"},
	{"-kp x.pid", "pidFile=x.pid pidFileGiven stop"},
	{"-s my.conf", "LogConnections my.conf"},

	// ours
	{"--services s --watch", "Services=s Watch"},
	{"--convert", "convert"}, // the default files
	{"--convert a b", "convert a b"},
	{"--convert --entry=x", "convert Entries=[x]"},
	{"--convert --check", "error: give only one of --check, --convert, -c, -k, --upgrade, --status, --metrics and --explain"},
	{"--check --json a", "check json a"},
	{"--log=stderr", "log=stderr"},
	{"--log syslog", ""},
	{"--max-processes=5 --log-connections", "Processes=5 LogConnections"},
	{"-h -c", "reload help"},

	// mistakes
	{"-Z", "error: unknown option -Z"},
	{"-dZ", "error: unknown option -Z"},
	{"-\x80", "error: unknown option -\x80"},
	{"-q", "error: -q needs a value: it is the length of the listen queue; -k ends the running inetd"},
	{"-q -d", "error: -q: \"-d\" is not a number from 1 to 65535"},
	{"-q 0", "error: -q: \"0\" is not a number from 1 to 65535"},
	{"-q 65536", "error: -q: \"65536\" is not a number from 1 to 65535"},
	{"-R -1", "error: -R: \"-1\" is not a number from 0 to 2147483647"},
	{"-R 0x10", "error: -R: \"0x10\" is not a number from 0 to 2147483647"},
	{"-R 1_0", "error: -R: \"1_0\" is not a number from 0 to 2147483647"},
	{"-R +1", "error: -R: \"+1\" is not a number from 0 to 2147483647"},
	{"-R 99999999999999999999", "error: -R: \"99999999999999999999\" is not a number from 0 to 2147483647"},
	{"-R", "error: -R needs a value"},
	{"-a", "error: -a needs a value"},
	{"-C x", "error: -C: \"x\" is not a number from 0 to 2147483647"},
	{"-r", "error: -r needs a number of starts, and may be followed by a number of seconds, both from 1 to 65535"},
	{"-r 0", "error: -r needs a number of starts, and may be followed by a number of seconds, both from 1 to 65535"},
	{"-r 4 0", "error: -r needs a number of starts, and may be followed by a number of seconds, both from 1 to 65535"},
	{"-l 10", "error: -l takes no number; -q N sets the length of the listen queue"},
	{"-l10", "error: -l takes no number; -q N sets the length of the listen queue"},
	{"-t", "error: unknown option -t; --log-connections logs connections"},
	{"-L", "error: unknown option -L; the kernel spreads the servers over the processors by itself"},
	{"-dontfork", "error: unknown option -dontfork; -i stays in the foreground"},
	{"-pidfile /x", "error: unknown option -pidfile; --pidfile=FILE names the pid file"},
	{"--log", "error: --log needs a value"},
	{"--log=journal", "error: --log: \"journal\" is neither syslog nor stderr"},
	{"--debug=yes", "error: --debug takes no value"},
	{"--serv s", "error: unknown option --serv"},
	{"--servcies s", "error: unknown option --servcies; did you mean --services?"},
	{"--=x", "error: unknown option --"},
	{"--json", "error: --json needs --check or --status"},
	{"--explain=", "error: --explain: no service is given"},
	{"--entry= my.conf", "error: --entry: no entry is given"},
	{"-c -k", "error: give only one of --check, --convert, -c, -k, --upgrade, --status, --metrics and --explain"},
	{"-c my.conf", "error: \"my.conf\": with -c, -k or --upgrade the running inetd keeps its own configuration files"},
	{"-k --pidfile=", "error: -c, -k and --upgrade find the running inetd by its pid file; name it with -p"},
}

func TestCommandLines(t *testing.T) {
	t.Parallel()
	for _, tt := range commandLines {
		o, err := parse(strings.Fields(tt.args))
		var got string
		if err != nil {
			got = "error: " + err.Error()
		} else {
			got = settings(o)
		}
		if got != tt.want {
			t.Errorf("inetd %s\n got %s\nwant %s", tt.args, got, tt.want)
		}
	}
}

func TestEmptyArguments(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-p", "", ""})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := settings(o), "pidFile= pidFileGiven "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestHelp compares the help text with the flags.
func TestHelp(t *testing.T) {
	t.Parallel()
	lines := strings.Split(help, "\n")
	count := func(option string) (n int) {
		for _, line := range lines {
			spelled, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
			for word := range strings.FieldsFuncSeq(spelled, func(r rune) bool { return strings.ContainsRune(" ,=[", r) }) {
				if strings.HasPrefix(line, "  ") && word == option {
					n++
				}
			}
		}
		return n
	}
	explained := map[string]int{"-c": 2, "-r": 1, "-p": 1, "-i": 1, "-e": 1, "-w": 1}
	new(options).flagSet().VisitAll(func(f *pflag.Flag) {
		explained["--"+f.Name] = 1
		if f.Shorthand != "" && f.Shorthand != "c" {
			explained["-"+f.Shorthand] = 1
		}
	})
	for option, want := range explained {
		if got := count(option); got != want {
			t.Errorf("%s is explained %d times, want %d", option, got, want)
		}
	}
	for _, line := range lines {
		if len(line) > 80 {
			t.Errorf("longer than 80 characters: %q", line)
		}
	}
}

func FuzzCommandLine(f *testing.F) {
	f.Add("-dEilq64\n-R128\nmy.conf")
	f.Add("-c\n20\n-p\n30\n-r\n40\n60")
	f.Add("--pidfile\n--ra=7\n--\n-x")
	f.Fuzz(func(t *testing.T, args string) {
		o, err := parse(strings.Split(args, "\n"))
		if err != nil {
			return
		}
		if o.Starts < 0 || o.Backlog < 0 || o.Max < 0 || o.Processes < 0 || len(o.Files) == 0 && !o.help && !o.usage && !o.version {
			t.Errorf("%q: %+v", args, o)
		}
	})
}
