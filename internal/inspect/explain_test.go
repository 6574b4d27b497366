package inspect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inetd/internal/golden"
	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/status"
)

const explainDir = "../../testdata/explain"

// noon is the time at which the daemon is asked.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// explained writes a configuration to a directory of the test.
func explained(t *testing.T) *plan.Config {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"inetd.conf", "xinetd.conf"} {
		text, err := os.ReadFile(filepath.Join(explainDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("services"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return &plan.Config{
		Files: []string{path("inetd.conf"), path("xinetd.conf")}, Explicit: true, Services: path("services"), Starts: 256,
		AllowFile: path("none"), DenyFile: path("none"), SecFile: path("none"),
	}
}

// running is the state of a daemon that has served a configuration for a while.
func running(t *testing.T, c *plan.Config) *status.Snapshot {
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	h := machine.Host()
	h.Clone = true
	shot := &status.Snapshot{PID: 501, Now: noon, Environment: []string{"PATH=/bin"}, Config: text}
	for _, v := range plan.Load(c, h).Services {
		shot.Services = append(shot.Services, served(v))
	}
	return shot
}

// served is a service that had two clients. That on port 7012 is suspended, that on port
// 7013 has no open socket, and that on port 7014 turns the client away.
func served(v *plan.Service) status.Service {
	s := status.Service{
		Service: v.Label, Place: fmt.Sprintf("%s:%d", v.At.File, v.At.Line), Server: v.Do.Path, State: status.Listening, Limits: v.Do.Limits,
		Counts: status.Counts{Accepted: 2, Started: 2, EndedWell: 2, LastClient: noon.Unix() - 5},
	}
	socket := "listening, 0 servers"
	switch {
	case v.Do.Mux:
		s.State = status.HandedOut
	case v.Label == "7012/tcp4":
		s.State, s.Until, socket = status.Suspended, "12:00:30", "suspended until 12:00:30"
	case v.Label == "7014/tcp4":
		s.Against = "it has exceeded counts/min (limit 2)"
	case v.Label == "7013/tcp4":
		s.State, socket = status.Closed, "not open: bind: Permission denied"
	}
	if v.Do.Builtin != "" {
		s.Server = "internal " + v.Do.Builtin
	}
	for _, k := range v.Sockets {
		s.Sockets = append(s.Sockets, status.Socket{Address: k.Spec.String(), State: socket})
	}
	for _, a := range v.Asks {
		s.Keys = append(s.Keys, status.Key{Key: a.Key, Text: a.Text, Place: a.Place()})
	}
	return s
}

// TestExplainGolden: the whole story of each kind of service. If a client was asked
// about, it comes first.
func TestExplainGolden(t *testing.T) {
	t.Parallel()
	c := explained(t)
	shot := running(t, c)
	for _, tt := range []struct {
		name, service, from string
		code                int
	}{
		{"classic", "7001", "192.0.2.7", 0},
		{"amended", "7002", "198.51.100.7", 1},
		{"off", "7003", "", 1},
		{"builtin", "7004", "", 0},
		{"wait", "7005", "192.0.2.7", 0},
		{"rpc", "300001", "", 0},
		{"tcpmux", "7007", "", 0},
		{"muxed", "tcpmux/date", "", 0},
		{"demand", "7008", "", 0},
		{"xinetd", "web", "192.0.2.7", 1},
		{"disabled", "disabled", "", 1},
		{"mistake", "7010", "192.0.2.7", 1},
		{"commented", "7011", "", 1},
		{"suspended", "7012", "192.0.2.7", 0},
		{"closed", "7013", "192.0.2.7", 1},
		{"unopened", "7013", "", 1},
		{"limited", "7014", "192.0.2.7", 1},
		{"misamended", "7015", "", 1},
		{"unknown", "7o01", "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var from netip.Addr
			if tt.from != "" {
				from = netip.MustParseAddr(tt.from)
			}
			var b bytes.Buffer
			code, err := Explain(shot, tt.service, from, &b)
			if err != nil {
				fmt.Fprintf(&b, "error: %v\n", err)
			}
			if code != tt.code {
				t.Errorf("exit status %d, want %d", code, tt.code)
			}
			text := strings.ReplaceAll(b.String(), filepath.Dir(c.Files[0]), "DIR")
			golden.Compare(t, filepath.Join(explainDir, tt.name+".golden"), text)
		})
	}
}
