package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"inetd/internal/handover"
	"inetd/internal/inetd"
	"inetd/internal/syslog"
)

const (
	defaultConf    = "/etc/inetd.conf"
	defaultConfDir = "/etc/inetd.d"
	defaultPidFile = "/run/inetd.pid"
	defaultStarts  = 256 // TOOMANY of OpenBSD and Debian
)

// options is the parsed command line, and what start finds out about this process.
type options struct {
	inetd.Config

	debug, foreground    bool
	log                  string // "syslog" or "stderr"
	pidFile              string // "": none
	pidFileGiven         bool
	check, json          bool
	convert              bool
	reload, stop         bool
	status, metrics      bool
	upgrade              bool
	explain              string  // a service; "": none
	from                 address // of a client, for explain
	help, usage, version bool

	launched       bool            // in the background, by launch
	left           *handover.State // what the previous program in this process has left; nil: there was none
	own            string          // the path that this program was started by
	startDirectory string          // the directory that it was started in
	signals        chan os.Signal
}

// parse parses a command line without its first word, the name of the program.
func parse(args []string) (*options, error) {
	o := &options{}
	o.Starts = defaultStarts
	flags := o.flagSet()
	args, err := getopt(flags, args)
	if err != nil {
		return nil, err
	}
	if err := flags.Parse(args); err != nil {
		return nil, explain(err)
	}
	o.Files, o.Explicit = flags.Args(), flags.NArg() > 0
	o.pidFileGiven = flags.Changed("pidfile")
	if o.help || o.usage || o.version {
		return o, nil
	}
	if flags.Changed("explain") && o.explain == "" { // as when a variable of a script is empty
		return nil, errors.New("--explain: no service is given")
	}
	if err := o.consistent(); err != nil {
		return nil, err
	}
	if !o.Explicit && o.Entries == nil {
		o.Files = defaultFiles()
	}
	return o, nil
}

func (o *options) flagSet() *pflag.FlagSet {
	f := pflag.NewFlagSet("inetd", pflag.ContinueOnError)
	f.Usage = func() {}

	f.BoolVarP(&o.debug, "debug", "d", false, "")
	f.BoolVarP(&o.foreground, "foreground", "f", false, "")
	f.StringVar(&o.log, "log", "syslog", "")
	f.StringVar(&o.pidFile, "pidfile", defaultPidFile, "")
	f.StringVar(&o.Services, "services", "", "")
	f.BoolVar(&o.Watch, "watch", false, "")
	f.StringArrayVar(&o.Entries, "entry", nil, "")

	f.StringVarP(&o.Bind, "bind", "a", "", "")
	f.VarP(number{&o.Backlog, 1, 1<<16 - 1}, "backlog", "q", "")

	f.VarP(limit(&o.Starts), "rate", "R", "")
	f.VarP(limit(&o.PerMinute), "max-per-minute", "C", "")
	f.VarP(limit(&o.Max), "max-children", "c", "")
	f.VarP(limit(&o.PerSource), "max-per-source", "s", "")
	f.Var(limit(&o.Processes), "max-processes", "")

	f.BoolVarP(&o.KeepEnv, "keep-env", "E", false, "")
	f.Bool("environment", true, "")
	f.BoolVar(&o.Resolve, "resolve", false, "")
	f.BoolVarP(&o.Wrap, "wrap", "l", false, "")
	f.BoolVarP(&o.WrapInternal, "wrap-internal", "W", false, "")
	f.BoolVar(&o.EndServers, "end-servers", false, "")
	f.BoolVar(&o.LogConnections, "log-connections", false, "")

	f.BoolVar(&o.reload, "reload", false, "")
	f.BoolVarP(&o.stop, "stop", "k", false, "")
	f.BoolVar(&o.upgrade, "upgrade", false, "")
	f.BoolVar(&o.check, "check", false, "")
	f.BoolVar(&o.convert, "convert", false, "")
	f.BoolVar(&o.json, "json", false, "")
	f.BoolVar(&o.status, "status", false, "")
	f.BoolVar(&o.metrics, "metrics", false, "")
	f.StringVar(&o.explain, "explain", "", "")
	f.Var(&o.from, "from", "")
	f.BoolVarP(&o.help, "help", "h", false, "")
	f.BoolVar(&o.usage, "usage", false, "")
	f.BoolVarP(&o.version, "version", "V", false, "")
	return f
}

// consistent refuses options that do not go together.
func (o *options) consistent() error {
	switch {
	case o.log != "syslog" && o.log != "stderr":
		return fmt.Errorf("--log: %q is neither syslog nor stderr", o.log)
	case slices.Contains(o.Entries, ""):
		return errors.New("--entry: no entry is given")
	case o.json && !o.check && !o.status:
		return errors.New("--json needs --check or --status")
	case o.from.IsValid() && o.explain == "":
		return errors.New("--from needs --explain")
	case several(o.check, o.convert, o.reload, o.stop, o.upgrade, o.status, o.metrics, o.explain != ""):
		return errors.New("give only one of --check, --convert, -c, -k, --upgrade, --status, --metrics and --explain")
	case (o.status || o.metrics || o.explain != "") && o.pidFile == "":
		return errors.New("a running inetd is found by its pid file; name it with -p")
	case o.status && len(o.Entries) > 0, (o.metrics || o.explain != "") && len(o.Files)+len(o.Entries) > 0:
		return fmt.Errorf("%q: a running inetd has its own configuration", append(o.Entries, o.Files...)[0])
	case (o.reload || o.stop || o.upgrade) && len(o.Files)+len(o.Entries) > 0:
		return fmt.Errorf("%q: with -c, -k or --upgrade the running inetd keeps its own configuration files", append(o.Files, o.Entries...)[0])
	case (o.reload || o.stop || o.upgrade) && o.pidFile == "":
		return errors.New("-c, -k and --upgrade find the running inetd by its pid file; name it with -p")
	}
	return nil
}

// several reports whether more than one of the conditions holds.
func several(conditions ...bool) bool {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n > 1
}

// defaultFiles returns what inetutils reads by default, too: the directory is optional.
func defaultFiles() []string {
	if _, err := os.Stat(defaultConfDir); err != nil {
		return []string{defaultConf}
	}
	return []string{defaultConf, defaultConfDir}
}

// paths returns the paths of the command line.
func (o *options) paths() []*string {
	paths := []*string{&o.Services, &o.pidFile}
	for i := range o.Files {
		paths = append(paths, &o.Files[i])
	}
	return paths
}

// absolute makes the paths independent of the current directory.
func (o *options) absolute() error {
	for _, p := range o.paths() {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = abs
	}
	return nil
}

// logging returns where the log goes with these options.
func (o *options) logging(stderr *os.File) syslog.Options {
	l := syslog.Options{Ident: "inetd", Level: syslog.Info, Stderr: stderr}
	if o.debug {
		l.Level, l.Also = syslog.Debug, true
	}
	if o.log == "stderr" {
		l.Target = syslog.Stderr
	}
	return l
}

// address is a flag with an IP address.
type address struct{ netip.Addr }

func (a *address) String() string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr.String()
}

func (a *address) Type() string { return "address" }

func (a *address) Set(s string) (err error) {
	if a.Addr, err = netip.ParseAddr(s); err != nil {
		return errors.New("not an IP address, such as 192.0.2.7 or 2001:db8::7")
	}
	return nil
}

// number is a flag with a decimal value from min to max. The number flags of
// pflag would read 010 as 8.
type number struct {
	p        *int
	min, max int
}

// limit is a number for which 0 means no limit.
func limit(p *int) number { return number{p, 0, 1<<31 - 1} }

func (n number) String() string { return strconv.Itoa(*n.p) }
func (n number) Type() string   { return "N" }

func (n number) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil || !decimal(s) || v < n.min || v > n.max {
		return fmt.Errorf("not a number from %d to %d", n.min, n.max)
	}
	*n.p = v
	return nil
}
