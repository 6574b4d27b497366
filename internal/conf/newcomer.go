package conf

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// This file finds the mistakes of people who know another program, a shell or a web
// server better than inetd, and says what to write instead.

// otherWords has keys of other programs, each with our key that does the same.
var otherWords = map[string]string{
	"server": "exec", "command": "exec", "cmd": "exec", "program": "exec", "server_args": "args", "arguments": "args",
	"socket_type": "socktype", "type": "socktype", "address": "bind", "listen": "bind", "interface": "bind",
	"instances": "accept_max", "per_source": "source_max", "cps": "service_max", "only_from": "allow", "no_access": "deny",
	"timeout": "max_time", "environment": "env", "passenv": "pass_env", "workdir": "directory", "cwd": "directory",
}

// meant returns the hint for an unknown key.
func meant(key string) string {
	if ours := otherWords[key]; ours != "" {
		return "write " + ours
	}
	return cmp.Or(didYouMean(key, keyNames()), "inetd.conf(5) has the list")
}

// timeUnits has words for units of time, each with the letters that a time is written with.
var timeUnits = map[string]string{
	"s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"h": "h", "hour": "h", "hours": "h", "ms": "ms", "milliseconds": "ms",
}

// tooMany returns the hint for a key that has more values than it may have.
func tooMany(key string, values []Word) string {
	switch unit := timeUnits[values[1].Text]; {
	case key == "exec" && missingComma(values) == "":
		args := append([]string{path.Base(values[0].Text)}, words(values[1:])...)
		for i := range args {
			args[i] = quoteValue(args[i])
		}
		return "write args = " + strings.Join(args, " ") + " for its arguments"
	case unit != "" && isNumber(values[0].Text):
		return "write " + values[0].Text + unit
	}
	return commaHint(values)
}

// inCommas tells whether a comma follows each of the first words of a line.
func inCommas(words ...string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return len(w) < 2 || w[len(w)-1] != ',' })
}

// severalPorts tells whether a service is a range or a list of ports.
func severalPorts(name string) bool {
	return strings.ContainsAny(name, "-,") && isNumber(strings.NewReplacer("-", "", ",", "").Replace(name))
}

// slashHint says what to write for a service with a slash in it.
func slashHint(name string) string {
	base, proto, _ := strings.Cut(name, "/")
	if isProtocol(proto) {
		return "write " + base + ": the protocol has a column of its own"
	}
	return "only tcpmux/NAME and the versions of RPC programs are written so"
}

// addressColumn tells whether a line has its address and its port in two columns.
func addressColumn(f []Word, i int) bool {
	_, err := netip.ParseAddr(f[0].Text)
	return i == 1 && err == nil && isNumber(f[1].Text)
}

// joined returns the line with the address and port of its first two columns in one.
func joined(f []Word) []Word {
	host := f[0].Text
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	f = slices.Clone(f[1:])
	f[0].Text = fmt.Sprintf("%s:%s", host, f[0].Text)
	return f
}

// forShell tells whether an argument means something only to a shell: it stands between
// commands, or is a redirection.
func forShell(w Word) bool {
	if w.Quoted {
		return false
	}
	switch w.Text {
	case "|", "||", "&", "&&", ";":
		return true
	}
	return redirection(w.Text)
}

// redirection tells whether a word is a shell's redirection, such as >>/file or 2>&1.
// Only a path, a descriptor or nothing may follow the angle bracket, because an ordinary
// argument may begin with one.
func redirection(word string) bool {
	from := strings.IndexAny(word, "<>")
	if from < 0 || from > 1 || from == 1 && word[0] != '&' && !isNumber(word[:1]) {
		return false
	}
	to := word[from+1:]
	if word[from] == '>' {
		to = strings.TrimPrefix(to, ">")
	}
	return to == "" || to[0] == '/' || len(to) == 2 && to[0] == '&' && isNumber(to[1:])
}
