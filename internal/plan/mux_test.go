package plan

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// servedBy lists what a configuration serves and where, and its errors and warnings.
func servedBy(t *testing.T, text string) (served, problems []string) {
	t.Helper()
	r := inspected(checkConfig(write(t, filepath.Join(t.TempDir(), "f"), text)), 0)
	for _, e := range r.Entries {
		if e.Served {
			var where []string
			for _, k := range e.Sockets {
				where = append(where, k.Network+" "+k.Address)
			}
			if where == nil {
				where = []string{"by tcpmux"}
			}
			served = append(served, e.Label+" "+strings.Join(where, ", "))
		}
	}
	for _, p := range r.Problems {
		if p.Severity != "hint" {
			p.File = "f"
			problems = append(problems, p.String())
		}
	}
	return served, problems
}

func TestMuxPlan(t *testing.T) {
	t.Parallel()
	const own, muxed = "tcpmux stream tcp4 nowait 1:1 internal\n", "by tcpmux"
	for _, tt := range []struct {
		name, text       string
		served, problems []string
	}{
		{"inserted", "tcpmux/a stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/a " + muxed, "tcpmux/tcp tcp4 0.0.0.0:1, tcp6 [::]:1"}, nil},
		{"inserted at an address", "127.0.0.1:\ntcpmux/a stream tcp nowait 1:1 /bin/cat\n::1:tcpmux/b stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/a " + muxed, "tcpmux/b " + muxed, "tcpmux/tcp tcp4 127.0.0.1:1, tcp6 [::1]:1"}, nil},
		{"inserted everywhere", "127.0.0.1:tcpmux/a stream tcp nowait 1:1 /bin/cat\ntcpmux/b stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/a " + muxed, "tcpmux/b " + muxed, "tcpmux/tcp tcp4 0.0.0.0:1, tcp6 [::]:1"}, nil},
		{"own", "tcpmux/a stream tcp nowait 1:1 /bin/cat\n" + own,
			[]string{"tcpmux/a " + muxed, "tcpmux/tcp4 tcp4 0.0.0.0:1"}, nil},
		{"on another port", "7000 stream tcp4 nowait 1:1 internal tcpmux\ntcpmux/a stream tcp nowait 1:1 /bin/cat\n",
			[]string{"7000/tcp4 tcp4 0.0.0.0:7000", "tcpmux/a " + muxed}, nil},
		{"on a path", "/run/mux stream unix nowait 1:1 internal tcpmux\ntcpmux/a stream tcp nowait 1:1 /bin/cat\n",
			[]string{"/run/mux unix /run/mux", "tcpmux/a " + muxed}, nil},
		{"none", own, []string{"tcpmux/tcp4 tcp4 0.0.0.0:1"}, nil},
		{"a program's", "tcpmux stream tcp4 nowait 1:1 /bin/cat\ntcpmux/a stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/tcp4 tcp4 0.0.0.0:1", "tcpmux/a " + muxed},
			[]string{"f:2:1: warning: tcpmux/a: tcpmux itself is not served, so no client can ask for it; an entry for tcpmux must be internal and free of errors"}},
		{"a program's by number", "1 stream tcp4 nowait 1:1 /bin/cat\ntcpmux/a stream tcp nowait 1:1 /bin/cat\n",
			[]string{"1/tcp4 tcp4 0.0.0.0:1", "tcpmux/a " + muxed},
			[]string{"f:2:1: warning: tcpmux/a: tcpmux itself is not served, so no client can ask for it; an entry for tcpmux must be internal and free of errors"}},
		{"a bad one", "127.0.0.1:tcpmux stream tcp nowait zzzzqqqq internal\ntcpmux/a stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/a " + muxed},
			[]string{`f:1:36: error: tcpmux/tcp: unknown user "zzzzqqqq", service ignored`,
				"f:2:1: warning: tcpmux/a: tcpmux itself is not served, so no client can ask for it; an entry for tcpmux must be internal and free of errors"}},
		{"twice", own + "tcpmux/a stream tcp nowait 1:1 /bin/cat\ntcpmux/+A stream tcp nowait 1:1 /bin/true\ntcpmux/A stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/tcp4 tcp4 0.0.0.0:1", "tcpmux/A " + muxed},
			[]string{"f:3:1: warning: tcpmux/A: replaces the entry of line 2; upper and lower case are the same to tcpmux",
				"f:4:1: warning: tcpmux/A: replaces the entry of line 3"}},
		{"help", own + "tcpmux/HELP stream tcp nowait 1:1 /bin/cat\n",
			[]string{"tcpmux/tcp4 tcp4 0.0.0.0:1", "tcpmux/HELP " + muxed},
			[]string{"f:2:1: warning: tcpmux/HELP: no client can ask for it: help lists the services; give it another name"}},
		{"builtins", own + "tcpmux/+daytime stream tcp nowait 1:1 internal\ntcpmux/x stream tcp nowait 1:1 internal echo\ntcpmux/tcpmux stream tcp nowait 1:1 internal\n",
			[]string{"tcpmux/tcp4 tcp4 0.0.0.0:1", "tcpmux/daytime " + muxed, "tcpmux/x " + muxed},
			[]string{"f:3:1: warning: tcpmux/x: clients wait for a + in front, which an internal service does not send; write tcpmux/+x",
				"f:4:37: error: tcpmux/tcpmux: tcpmux cannot hand out itself"}},
		{"datagrams", "/run/mux dgram unix nowait 1:1 internal tcpmux\n", nil,
			[]string{"f:1:10: error: /run/mux: tcpmux hands out the connections of a stream socket; write stream and tcp"}},
		{"bad user", own + "tcpmux/a stream tcp nowait zzzzqqqq /bin/cat\n",
			[]string{"tcpmux/tcp4 tcp4 0.0.0.0:1"},
			[]string{`f:2:28: error: tcpmux/a: unknown user "zzzzqqqq", service ignored`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			served, problems := servedBy(t, tt.text)
			if diff := cmp.Diff(tt.served, served); diff != "" {
				t.Errorf("served: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems: -want +got:\n%s", diff)
			}
		})
	}
}

func TestIdentEntry(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text             string
		served, problems []string
	}{
		{"auth stream tcp4 nowait 1:1 internal\n", []string{"auth/tcp4 tcp4 0.0.0.0:113"}, nil},
		{"ident stream tcp4 nowait 1:1 internal auth -r -g -d nobody -o OTHER -t 5.5\n", []string{"ident/tcp4 tcp4 0.0.0.0:113"}, nil},
		{"7000 stream tcp4 nowait 1:1 internal auth\n", []string{"7000/tcp4 tcp4 0.0.0.0:7000"}, nil},
		{"tcpmux stream tcp4 nowait 1:1 internal\ntcpmux/+who stream tcp nowait 1:1 internal auth -r\n",
			[]string{"tcpmux/tcp4 tcp4 0.0.0.0:1", "tcpmux/who by tcpmux"}, nil},
		{"auth stream tcp4 nowait 1:1 internal auth -rn\n", []string{"auth/tcp4 tcp4 0.0.0.0:113"},
			[]string{"f:1:38: warning: auth/tcp4: option -n hides nobody: no user's .noident is ever read"}},
		{"auth stream tcp4 nowait 1:1 internal auth -f\n", nil,
			[]string{"f:1:38: error: auth/tcp4: option -f is refused: no user's .fakeid is ever read"}},
		{"auth stream tcp4 nowait 1:1 internal -x\n", nil,
			[]string{`f:1:38: error: auth/tcp4: unknown option "-x", want -d, -g, -i, -n, -o, -r or -t`}},
		{"auth stream tcp4 nowait 1:1 internal auth now\n", nil,
			[]string{`f:1:38: error: auth/tcp4: unexpected argument "now", want options only`}},
		{"7000 dgram udp4 nowait 1:1 internal auth\n", nil,
			[]string{"f:1:6: error: 7000/udp4: auth answers about tcp connections, to who asks over one; write stream and tcp"}},
		{"/run/auth stream unix nowait 1:1 internal auth\n", nil,
			[]string{"f:1:11: error: /run/auth: auth answers about tcp connections, to who asks over one; write stream and tcp"}},
	} {
		served, problems := servedBy(t, tt.text)
		if diff := cmp.Diff(tt.served, served); diff != "" {
			t.Errorf("%s: served: -want +got:\n%s", tt.text, diff)
		}
		if diff := cmp.Diff(tt.problems, problems); diff != "" {
			t.Errorf("%s: problems: -want +got:\n%s", tt.text, diff)
		}
	}
}
