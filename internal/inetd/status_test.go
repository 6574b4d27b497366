package inetd

import (
	"fmt"
	"strings"
	"testing"

	"inetd/internal/client"
	"inetd/internal/inquiry"
	"inetd/internal/running"
	"inetd/internal/status"
)

// told returns the state of the daemon, as Status gives it.
func (sc *scene) told() (shot *status.Snapshot) {
	sc.s.Status(false, func(s *status.Snapshot) { shot = s })
	for shot == nil {
		sc.s.turn()
	}
	return shot
}

// TestStatusInSlices: with many services a snapshot takes several turns of the loop, and
// begins again when a reload changes the services.
func TestStatusInSlices(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "@status-PORT-%d stream unix nowait - /bin/cat\n", i)
		}
		return b.String()
	}
	sc := newScene(t, many(3*perSlice+1), nil)
	sc.start()
	if n := len(sc.told().Services); n != 3*perSlice+1 {
		t.Errorf("%d services", n)
	}
	var shot *status.Snapshot
	sc.s.collect(sc.s.snapshot(), sc.s.fill, func(s *status.Snapshot) { shot = s })
	if shot != nil {
		t.Error("all are looked at in one turn")
	}
	now := *sc.s.now.Generation
	now.Services = now.Services[:2]
	sc.s.now.Generation = &now // as a reload does
	for shot == nil {
		sc.s.turn()
	}
	if n := len(shot.Services); n != 2 || shot.Services[1].Service == "" {
		t.Errorf("%d services after the reload", n)
	}
}

// TestStatusKeys: each service has its keys in force with the places that set them, even if
// other services have the same keys; the log has these places, too.
func TestStatusKeys(t *testing.T) {
	sc := newScene(t, keyed("-", "max_time = 100ms", "sleep 1000")+
		strings.Replace(keyed("-", "max_time = 100ms", "sleep 1000"), "127.0.0.1", "127.0.0.2", 1)+
		"127.0.0.3:PORT stream tcp nowait - /bin/cat\n127.0.0.3:PORT with max_time = 100ms;\n", nil)
	sc.start()
	file := sc.path("inetd.conf")
	for i, line := range []int{1, 2, 4} {
		want := status.Key{Key: "max_time", Text: "max_time = 100ms", Place: fmt.Sprintf("%s:%d", file, line)}
		if got := sc.told().Services[i].Keys; len(got) != 1 || got[0] != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	go talkTo("127.0.0.2:"+sc.port, stranger, "")
	for sc.s.now.Services[1].Usage().Killed == 0 {
		sc.s.turn()
	}
	sc.wantLog(`has run for 100ms, its max_time, and is ended \(.*inetd\.conf:2\)`)
}

// TestStatusUnstarted: a client with an inquiry under way has no server yet, and a command
// of the daemon's own serves nobody.
func TestStatusUnstarted(t *testing.T) {
	sc := newScene(t, shServer+"true\n", nil)
	sc.start()
	v := sc.s.now.Services[0]
	v.Usage().Live = 3
	sc.s.inquiries.Ask(v, client.Client{Conn: -1}, func(*inquiry.Inquiry) {})
	sc.s.delayed = []delayed{{svc: v}}
	sc.s.running.Track(1<<22+1, &running.Process{}, false) // no process has this number
	var shot *status.Snapshot
	sc.s.collect(sc.s.snapshot(), sc.s.fill, func(s *status.Snapshot) { shot = s })
	sc.s.delayed = nil
	for sc.s.inquiries.Len() > 0 {
		sc.s.turn()
	}
	if s := shot.Services[0]; s.Running != 1 || s.Unstarted != 2 || s.Sockets[0].State != "listening, 1 server" || shot.Running != 0 {
		t.Errorf("%+v, %d servers of all", s, shot.Running)
	}
}
