package inetd

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// scripted returns a scene whose server is a script. The scene has a copy of the shell:
// any other shell that runs could be taken for a server in the background.
func scripted(t *testing.T, script, keys string) *scene {
	t.Helper()
	sc := newScene(t, "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = DIR/sh, args = sh DIR/server"+keys+";\n", nil)
	sc.write("server", script)
	// cp writes the copy: an executable that this process has written may be busy, because
	// a child has it open until its exec.
	if out, err := exec.Command("cp", "/bin/sh", sc.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return sc
}

// visits has n clients come one after the other, each of which waits for its server's end.
func (sc *scene) visits(n int, text string) {
	for range n {
		sc.visit(stranger, text)
		for sc.s.examinations.Len() > 0 {
			sc.s.turn()
		}
	}
}

// TestMisfits: why servers run and serve nobody is logged once, not for each client, with
// the place of the entry. Nothing is logged of servers that are all right.
func TestMisfits(t *testing.T) {
	if !apart(t) {
		return
	}
	const idle = `has ended at once and read and written nothing`
	for _, tt := range []struct{ name, script, keys, text, want string }{
		{"idle", ":", "", "", idle + ` \(its client still waits, DIR/inetd\.conf:1\); a server of inetd serves its standard input$`},
		{"in the background", `DIR/sh -c "sleep 10; :" </dev/null >/dev/null 2>&1 &`, "", "",
			idle + ` \(DIR/inetd\.conf:1\): it went into the background as process \d+ and left its client; it needs an option to stay in the foreground, or one for inetd$`},
		{"failing", "exit 3", "", "", `exit status 3 again and again \(3 in a row, DIR/inetd\.conf:1\); its client reads what it says on standard error, which the key stderr = log brings here$`},
		{"failing in the log", "exit 3", ", stderr = log", "", `exit status 3 again and again \(3 in a row, DIR/inetd\.conf:1\)$`},
		{"crashing", "kill -SEGV $$", "", "", `exit signal 11 \(segmentation fault, DIR/inetd\.conf:1\)$`},
		{"no command", "nosuchcommand", "", "", `exit status 127 \(DIR/inetd\.conf:1\): a shell ends so when it does not find a command; its PATH is that of the daemon$`},
		{"not a command", "/etc/passwd", "", "", `exit status 126 \(DIR/inetd\.conf:1\): a shell ends so when it may not execute a command$`},

		{"says something", "echo hello", "", "", ""},
		{"takes its time", "sleep 0.3", "", "", ""},
		{"reads", "read x; exit 0", "", "x\n", ""},
		{"leaves it to another process", "(sleep 0.1; echo hello) &", "", "", ""},
		{"fails now and then", "if test -e DIR/n; then rm DIR/n; exit 0; fi; : >DIR/n; exit 1", "", "", ""},
		{"its client has gone", "kill -PIPE $$", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := scripted(t, tt.script, tt.keys)
			sc.start()
			sc.visits(4, tt.text)
			log := sc.end()
			told := 0
			for line := range strings.Lines(log) {
				if strings.Contains(line, "/tcp: "+sc.dir+"/sh[") {
					told++
				}
			}
			if want := min(1, len(tt.want)); told != want {
				t.Errorf("%d lines, want %d:\n%s", told, want, log)
			}
			if tt.want != "" {
				sc.wantLog(tt.want)
			}
		})
	}
}

// TestMisfitIsNews: a reload that changes the entry has its servers looked at again.
func TestMisfitIsNews(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := scripted(t, ":", "")
	sc.start()
	sc.visits(3, "")
	for _, keys := range []string{"", ", nice = 1"} {
		sc.write("inetd.conf", fmt.Sprintf("127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = DIR/sh, args = sh DIR/server%s;\n", keys))
		sc.load()
		sc.visits(3, "")
	}
	if log := sc.end(); strings.Count(log, "has ended at once") != 2 {
		t.Errorf("not told twice:\n%s", log)
	}
}

// TestProbeIsGivenUp: if a suspect server closes its connection and lives on, its client
// soon sees the end of the connection.
func TestProbeIsGivenUp(t *testing.T) {
	sc := scripted(t, "test -e DIR/once || { : >DIR/once; exit 0; }\nexec sleep 1000 </dev/null >/dev/null 2>&1", "")
	sc.start()
	sc.visits(1, "")
	if !sc.s.now.Services[0].Usage().Suspect {
		t.Error("the server is not suspect")
	}
	c := sc.dial("tcp4")
	sc.turnUntil(func() {
		if n, err := c.Read(make([]byte, 1)); n > 0 || os.IsTimeout(err) {
			t.Errorf("%d bytes, %v", n, err)
		}
	})
	sc.reapAll()
}
