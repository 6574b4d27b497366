package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"inetd/internal/nearest"
)

// abbreviable are the long options of inetutils, which uses getopt_long and so lets users
// abbreviate them. Options of our own must be written in full, or each new one could make
// an abbreviation in somebody's start script ambiguous.
var abbreviable = []string{
	"debug", "environment", "foreground", "help", "pidfile", "rate", "resolve", "usage", "version",
}

// aliases are letters that stand for another option.
var aliases = map[string]string{
	"i": "--foreground",
	"e": "--log=stderr",
	"w": "--wrap",
	"?": "--help",
}

// hints tell what to use instead of options of other systems that mean nothing here, or
// something else.
var hints = map[string]string{
	"-q":             "it is the length of the listen queue; -k ends the running inetd",
	"-t":             "--log-connections logs connections",
	"-L":             "the kernel spreads the servers over the processors by itself",
	"-dontfork":      "-i stays in the foreground",
	"-stayalive":     "inetd stays without services anyway",
	"-inetd_compat":  "inetd.conf is always read",
	"-inetd_ipv6":    "tcp and udp include IPv6 already",
	"-filelog":       "--log=stderr 2>>FILE logs to a file",
	"-syslog":        "the log goes to syslog, facility daemon",
	"-pidfile":       "--pidfile=FILE names the pid file",
	"-limit":         "--max-processes=N limits the servers",
	"-reuse":         "addresses are always reused",
	"-version":       "--version prints the version",
	"-shutdownprocs": "servers of their own are left alone when inetd ends",
}

// getopt rewrites an argument vector for pflag, which knows no optional values for short
// options, no abbreviations and no values of two words. It takes grouped letters apart.
func getopt(flags *pflag.FlagSet, args []string) ([]string, error) {
	v := &vector{flags: flags, rest: args}
	for len(v.rest) > 0 {
		arg := v.next()
		var err error
		switch {
		case arg == "--":
			v.emit("--")
			v.emit(v.rest...)
			return v.out, nil
		case strings.HasPrefix(arg, "--"):
			err = v.long(arg[2:])
		case len(arg) > 2 && hints[arg] != "":
			err = unknown(arg)
		case len(arg) > 1 && arg[0] == '-':
			err = v.group(arg[1:])
		default:
			v.emit(arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return v.out, nil
}

// vector is an argument vector on its way to pflag.
type vector struct {
	flags     *pflag.FlagSet
	rest, out []string
}

func (v *vector) emit(args ...string) { v.out = append(v.out, args...) }

func (v *vector) next() string {
	arg := v.rest[0]
	v.rest = v.rest[1:]
	return arg
}

// take returns the next argument if it is there and fits.
func (v *vector) take(fits func(string) bool) (string, bool) {
	if len(v.rest) == 0 || !fits(v.rest[0]) {
		return "", false
	}
	return v.next(), true
}

// value returns the value of a letter: what is glued to it, else the next
// argument, if it fits.
func (v *vector) value(glued string, fits func(string) bool) (string, bool) {
	if glued == "" {
		return v.take(fits)
	}
	glued = strings.TrimPrefix(glued, "=")
	return glued, fits(glued)
}

// long rewrites --name or --name=value.
func (v *vector) long(arg string) error {
	name, value, given := strings.Cut(arg, "=")
	name, err := v.complete(name)
	if err != nil {
		return err
	}
	flag := v.flags.Lookup(name)
	switch {
	case flag.NoOptDefVal != "" && given:
		return fmt.Errorf("--%s takes no value", name)
	case flag.NoOptDefVal != "":
		v.emit("--" + name)
	case given || name == "pidfile": // its value is optional, as in inetutils; an empty one means no pid file
		v.emit("--" + name + "=" + value)
	default:
		v.emit("--" + name)
		if value, ok := v.take(anything); ok {
			v.emit(value)
		}
	}
	return nil
}

// complete returns the whole name of a long option.
func (v *vector) complete(name string) (string, error) {
	if v.flags.Lookup(name) != nil {
		return name, nil
	}
	var fits []string
	for _, full := range abbreviable {
		if name != "" && strings.HasPrefix(full, name) {
			fits = append(fits, full)
		}
	}
	switch len(fits) {
	case 0:
		return "", v.unknownLong(name)
	case 1:
		return fits[0], nil
	}
	return "", fmt.Errorf("option --%s is ambiguous: --%s", name, strings.Join(fits, " or --"))
}

// group rewrites letters that stand after one dash.
func (v *vector) group(letters string) error {
	for letters != "" {
		letter, glued := letters[:1], letters[1:]
		whole, err := v.letter(letter, glued)
		if err != nil {
			return err
		}
		if whole {
			return nil
		}
		letters = glued
	}
	return nil
}

// letter rewrites one letter and reports whether what is glued to it was its
// value.
func (v *vector) letter(letter, glued string) (whole bool, err error) {
	switch letter {
	case "p":
		v.pid(glued)
		return true, nil
	case "r":
		return true, v.loops(glued)
	case "c":
		return v.numberOr("--reload", letter, glued), nil
	case "s":
		return v.numberOr("--log-connections", letter, glued), nil
	case "l":
		if _, ok := v.value(glued, decimal); ok {
			return false, errors.New("-l takes no number; -q N sets the length of the listen queue")
		}
	}
	if alias := aliases[letter]; alias != "" {
		v.emit(alias)
		return false, nil
	}
	flag := v.flags.ShorthandLookup(letter)
	if flag == nil {
		return false, unknown("-" + letter)
	}
	v.emit("-" + letter)
	if flag.NoOptDefVal != "" {
		return false, nil
	}
	if value, ok := v.value(glued, anything); ok {
		v.emit(value)
	}
	return true, nil
}

// numberOr decides between a limit of FreeBSD, which has a number, and the same letter of
// HP-UX, which stands alone.
func (v *vector) numberOr(bare, letter, glued string) (whole bool) {
	n, ok := v.value(glued, decimal)
	if !ok {
		v.emit(bare)
		return false
	}
	v.emit("-"+letter, n)
	return true
}

// pid decides between the pid file of FreeBSD and inetutils, and the limit on processes of
// HP-UX: a number is never the name of a pid file. No value means no pid file (inetutils).
func (v *vector) pid(glued string) {
	value, _ := v.value(glued, func(s string) bool { return !strings.HasPrefix(s, "-") })
	if decimal(value) {
		v.emit("--max-processes=" + value)
	} else {
		v.emit("--pidfile=" + value)
	}
}

// loops rewrites HP-UX's -r N [SECONDS] as a rate per minute, rounded up.
func (v *vector) loops(glued string) error {
	count, _ := v.value(glued, anything)
	seconds, ok := v.take(decimal)
	if !ok {
		seconds = "60"
	}
	n, err := strconv.ParseUint(count, 10, 16)
	m, err2 := strconv.ParseUint(seconds, 10, 16)
	if err != nil || err2 != nil || n == 0 || m == 0 {
		return errors.New("-r needs a number of starts, and may be followed by a number of seconds, both from 1 to 65535")
	}
	v.emit(fmt.Sprintf("--rate=%d", (n*60+m-1)/m))
	return nil
}

func anything(string) bool { return true }

func decimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func unknown(option string) error {
	if hint := hints[option]; hint != "" {
		return fmt.Errorf("unknown option %s; %s", option, hint)
	}
	return fmt.Errorf("unknown option %s", option)
}

func (v *vector) unknownLong(name string) error {
	var names []string
	v.flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := nearest.Name(name, slices.Values(names)); near != "" {
		return fmt.Errorf("unknown option --%s; did you mean --%s?", name, near)
	}
	return fmt.Errorf("unknown option --%s", name)
}

// explain words an error of pflag in the terms of the command line.
func explain(err error) error {
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &missing):
		name := spelling(missing.GetFlag())
		if hint := hints[name]; hint != "" {
			return fmt.Errorf("%s needs a value: %s", name, hint)
		}
		return fmt.Errorf("%s needs a value", name)
	case errors.As(err, &invalid):
		return fmt.Errorf("%s: %q is %w", spelling(invalid.GetFlag()), invalid.GetValue(), errors.Unwrap(invalid))
	}
	return err
}

func spelling(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}
