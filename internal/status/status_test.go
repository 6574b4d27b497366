package status

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"inetd/internal/golden"
	"inetd/internal/limit"
)

// some is a daemon with services in every state.
func some() *Snapshot {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	return &Snapshot{
		Version: "1.0", PID: 501, Now: now, Started: now.Add(-50 * time.Hour), Loads: 3, Loaded: now.Add(-90 * time.Minute),
		Changed: []string{"/etc/inetd.conf"}, Files: []string{"/etc/inetd.conf"}, Descriptors: 40, DescriptorLimit: 1024, LogLost: 7, Running: 3, Delayed: 1,
		Services: []Service{
			{Service: "ftp/tcp", Place: "/etc/inetd.conf:3", Server: "/usr/sbin/in.ftpd", State: Listening, Running: 2,
				Sockets: []Socket{{"0.0.0.0:21", "listening, 2 servers"}, {"[::]:21", "listening, 2 servers"}},
				Limits:  limit.Limits{Starts: 256, Max: 10},
				Counts:  Counts{Accepted: 1234567, Started: 1234560, Refused: Refused{Limit: 5, Rules: 2, Full: 7, Penalty: 3, Proxy: 1}, EndedWell: 1234500, EndedError: 50, Killed: 8, LastClient: now.Add(-5 * time.Second).Unix()}},
			{Service: "time/udp", Keys: []Key{{"ip_max", "ip_max = 10", "/etc/inetd.d/x:9"}}, Place: "/etc/inetd.conf:4", Server: "internal time", State: Listening,
				Sockets: []Socket{{"0.0.0.0:37", "listening, 0 servers"}}},
			{Service: "a-service-with-a-very-long-name/tcp", Place: "/etc/inetd.d/x:1", Server: "/opt/x", State: Suspended, Until: "12:00:30",
				Sockets: []Socket{{"127.0.0.1:7000", "suspended until 12:00:30"}},
				Counts: Counts{Accepted: 40, Started: 40, Failed: 40, Suspended: 1, LastClient: now.Add(-30 * time.Second).Unix(),
					Failures:  []Failure{{"execv", "No such file or directory", 39}, {"setuid", "Operation not permitted", 1}},
					LastError: "execv /opt/x: No such file or directory", LastAt: now.Add(-30 * time.Second).Unix()}},
			{Service: "/run/x\"y\n.sock", Place: "/etc/inetd.d/x:2", Server: "/bin/cat", State: Closed,
				Sockets: []Socket{{"/run/x\"y\n.sock", "not open: bind: Permission denied"}}},
			{Service: "tcpmux/date", Place: "/etc/inetd.d/x:3", Server: "/bin/date", State: HandedOut},
			{Service: "ftp/tcp", Place: "/etc/inetd.d/x:4", Server: "/opt/ftpd", State: Full, Running: 1, Limits: limit.Limits{Max: 1}, Counts: Counts{Accepted: 3, Started: 3}},
			{Service: "redis/tcp", Place: "/etc/inetd.d/x:5", Server: "/usr/bin/redis-server", State: Listening, Running: 1, Counts: Counts{Accepted: 9, Started: 2, EndedWell: 1},
				Demand: &Demand{Place: "/run/r", Relay: 77, BytesIn: 12, BytesOut: 34, Server: &Backend{Stage: "ready", Since: now.Add(-time.Minute), Idle: now.Add(-7 * time.Second), PID: 78, Starts: 2, Took: 31 * time.Millisecond}}},
			{Service: "8080/tcp", Place: "/etc/inetd.d/x:6", Server: "/opt/web", State: Listening, Running: 1, Limits: limit.Limits{Max: 4}, Counts: Counts{Accepted: 1, Started: 1},
				Demand: &Demand{Place: "127.0.0.1:1", Relay: 79, Clients: 1, Server: &Backend{Stage: "starting", Since: now.Add(-2 * time.Second), PID: 80, Starts: 1}}},
			{Service: "8081/tcp", Place: "/etc/inetd.d/x:7", Server: "/opt/web", State: Listening, Demand: &Demand{Place: "127.0.0.1:2", Server: &Backend{Stage: "looked for", Since: now.Add(-time.Second)}}},
			{Service: "8082/tcp", Place: "/etc/inetd.d/x:8", Server: "relay to 127.0.0.1:3", State: Listening, Running: 2, Counts: Counts{Accepted: 5, Started: 5, EndedWell: 3}, Demand: &Demand{Place: "127.0.0.1:3", Relay: 81, Clients: 2}},
		},
	}
}

func compare(t *testing.T, name string, write func(*bytes.Buffer)) string {
	t.Helper()
	var b bytes.Buffer
	write(&b)
	golden.Compare(t, filepath.Join("../../testdata/status", name), b.String())
	return b.String()
}

func TestTable(t *testing.T) {
	t.Parallel()
	text := compare(t, "table.golden", func(b *bytes.Buffer) { some().WriteTable(b) })
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestService(t *testing.T) {
	t.Parallel()
	compare(t, "service.golden", func(b *bytes.Buffer) {
		for _, label := range []string{"ftp", "a-service-with-a-very-long-name/tcp", "redis", "8080", "8081", "8082"} {
			if !some().WriteService(b, label) {
				t.Errorf("no service %q", label)
			}
		}
	})
	if some().WriteService(new(bytes.Buffer), "fttp") || some().Hint("fttp") != "; did you mean ftp?" {
		t.Errorf("fttp: %q", some().Hint("fttp"))
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	compare(t, "metrics.golden", func(b *bytes.Buffer) { some().WriteMetrics(b) })
}

// TestMetricsParse gives the text to the parser of Prometheus' client for Python
// (Debian: python3-prometheus-client).
func TestMetricsParse(t *testing.T) {
	t.Parallel()
	const script = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
families = {f.name: f for f in parse(sys.stdin.read())}
samples = {s.labels["service"]: s.value for s in families["inetd_accepted"].samples}
assert samples["ftp/tcp"] == 1234570, samples
assert '/run/x"y' + chr(10) + '.sock' in samples, samples
assert families["inetd_refused"].type == "counter"
print(len(families))
`
	if err := exec.Command("/usr/bin/python3", "-c", "import prometheus_client.openmetrics.parser").Run(); err != nil {
		t.Skip("python3-prometheus-client is not installed")
	}
	var b bytes.Buffer
	some().WriteMetrics(&b)
	cmd := exec.Command("/usr/bin/python3", "-c", script)
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFailures: kinds of failure are counted apart, and their number is bounded.
func TestFailures(t *testing.T) {
	t.Parallel()
	var c Counts
	for i := range 100 {
		c.Fail("execv", strings.Repeat("x", i%20), "text", time.Unix(int64(i), 0))
	}
	c.Fail("execv", c.Failures[0].Cause, "last", time.Unix(200, 0))
	if c.Failed != 101 || len(c.Failures) != maxFailures || c.LastError != "last" || c.LastAt != 200 || c.Failures[0].Count != 2 {
		t.Errorf("%+v", c)
	}
}
