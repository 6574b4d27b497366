package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"

	"inetd/internal/sock/socktest"
)

// syslogName is what /dev/log of a private daemon points to, in $WORK.
const syslogName = "devlog"

// cmdSyslogd starts a syslog daemon, perhaps one that is stuck, has it read, or stops it.
func cmdSyslogd(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	b := benchOf(ts)
	path := filepath.Join(b.dir, syslogName)
	switch args[0] {
	case "start", "stuck":
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
		b.syslogd = conn
		if args[0] == "start" {
			b.syslog = newTranscript(datagrams{conn})
		}
	case "read":
		b.syslog = newTranscript(datagrams{b.syslogd})
	case "stop":
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			ts.Check(err)
		}
		ts.Check(socktest.HangUp(b.syslogd)) // what is sent to a copy is lost
	default:
		ts.Fatalf("syslogd start, stuck, read or stop")
	}
}

// cmdDialSyslog makes the daemon log until it tries its syslog daemon again.
func cmdDialSyslog(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	log := benchOf(ts).syslog
	dialUntil(ts, args[0], args[1], func(string) bool { return log.text() != "" })
}

func cmdWaitSyslog(ts *script, neg bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	log := benchOf(ts).syslog
	if neg {
		if found := pattern.FindString(log.text()); found != "" {
			ts.Fatalf("syslog has %q", found)
		}
		return
	}
	if _, err := log.find(pattern); err != nil {
		ts.Fatalf("waitsyslog %s: %v after\n%s", args[0], err, log.text())
	}
}
