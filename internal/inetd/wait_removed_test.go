package inetd

import (
	"os"
	"strings"
	"testing"

	"inetd/internal/loop"

	"golang.org/x/sys/unix"
)

// TestVacated: the address of a removed service goes to the next service as soon as the wait
// server that still has it ends, and not only at the next attempt to open it.
func TestVacated(t *testing.T) {
	file := oneService(t)
	nowait, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	writeConf(t, file, strings.Replace(string(nowait), "nowait - /bin/true", "wait - /bin/sleep sleep 1000", 1))
	s := serving(t, file)
	unix.Close(newVisitor(t, s).connect())
	for s.running.Len() == 0 {
		s.turn()
	}
	writeConf(t, file, "# none\n")
	reloaded(t, s)
	writeConf(t, file, string(nowait))
	reloaded(t, s)
	s.timers = loop.Timers{} // nothing is tried again
	if err := s.sockets.Fault(s.now.Services[0].First); err == nil {
		t.Fatal("it is open")
	}
	for pid := range s.running.All() {
		unix.Kill(pid, unix.SIGKILL)
	}
	for s.running.Len() > 0 {
		s.reap()
	}
	if k := s.now.Services[0].First; k.FD < 0 || s.sockets.Fault(k) != nil {
		t.Errorf("descriptor %d, %v", k.FD, s.sockets.Fault(k))
	}
}
