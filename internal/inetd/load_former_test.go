package inetd

import (
	"testing"
)

// reloaded puts another configuration into force.
func (sc *scene) reloaded(conf string) {
	sc.write("inetd.conf", conf)
	for sc.s.reload(nil); sc.s.loading; {
		sc.s.turn()
	}
}

// TestFormers: a service that is removed by mistake and comes back goes on with its
// counters and limits; another service at its address does not take them over.
func TestFormers(t *testing.T) {
	const (
		conf    = "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = /bin/cat, deny = 127.0.0.2;\ntcpmux/x stream tcp nowait - /bin/cat\n"
		mistake = "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = /bin/cat, deny = 127.0.0.2.;\n127.0.0.1:PORT on;\n@former-PORT stream unix nowait - /bin/cat\n"
		other   = "127.0.0.1:PORT stream tcp4 nowait - /bin/cat\n"
	)
	sc := newScene(t, conf, nil)
	sc.start()
	sc.tryVisit("127.0.0.2", "")
	sc.visit("127.0.0.3", "x")
	sc.s.now.Services[1].Usage().Started = 7
	sc.reloaded(mistake)
	sc.reloaded(conf)
	if u, mux := sc.s.now.Services[0].Usage(), sc.s.now.Services[1].Usage(); u.Refused.Rules != 1 || u.Started != 1 || mux.Started != 7 {
		t.Errorf("%d refused, %d and %d started", u.Refused.Rules, u.Started, mux.Started)
	}
	sc.reloaded(mistake)
	sc.reloaded(other)
	if u := sc.s.now.Services[0].Used; u != nil {
		t.Errorf("another service has %+v", u)
	}
}

// TestMovedToAnotherFile: a log line about a socket that stays open says where its entry
// stands now, in a file that was empty before.
func TestMovedToAnotherFile(t *testing.T) {
	const conf = "127.0.0.1:PORT on protocol = tcp, wait = yes, user = -, exec = /bin/sleep, args = sleep 1000"
	sc := newScene(t, conf+";\n", nil)
	sc.cfg.Files = append(sc.cfg.Files, sc.write("more.conf", ""))
	sc.start()
	c := sc.dial("tcp4")
	defer c.Close()
	sc.turnUntilRunning()
	sc.write("more.conf", conf+", backlog = 7;\n")
	sc.reloaded("# moved\n")
	sc.wantLog(`process \d+ still has the socket \(DIR/more.conf:1\); the change takes effect when it ends$`)
	sc.reapAll()
}
