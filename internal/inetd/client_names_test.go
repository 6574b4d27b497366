package inetd

import (
	"strings"
	"testing"

	"inetd/internal/wrap/dnstest"
)

func TestRulesNames(t *testing.T) {
	for _, test := range []struct{ name, from, allow, deny, answer, log string }{
		{"confirmed", "127.0.0.2", "ALL: .example.test", "ALL: ALL", "welcome\n", `: connection from good\.example\.test, service`},
		{"denied", "127.0.0.2", "", "ALL: .example.test", "", `: refused connection from good\.example\.test, .* peer 127\.0\.0\.2:\d+\)$`},
		{"mismatch", "127.0.0.3", "ALL: .example.test", "ALL: ALL", "", `: refused connection from 127\.0\.0\.3, `},
		{"paranoid", "127.0.0.3", "", "ALL: PARANOID", "", `: refused connection from 127\.0\.0\.3, `},
		{"unknown does not escape", "127.0.0.5", "", "ALL: .example.test", "", `: peer name is not known \(`},
		{"no need", "127.0.0.3", "ALL: 127.", "ALL: ALL", "welcome\n", `: connection from 127\.0\.0\.3, `},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t, echoServer+"\n", wrapped)
			sc.names = dnstest.Example(t)
			sc.write("allow", strings.TrimLeft(test.allow+"\n", "\n"))
			sc.write("deny", test.deny+"\n")
			sc.start()
			if got := sc.visit(test.from, ""); got != test.answer {
				t.Errorf("answer %q, want %q", got, test.answer)
			}
			sc.wantLog(test.log)
		})
	}
}

func TestResolve(t *testing.T) {
	for _, test := range []struct{ from, answer string }{
		{"127.0.0.2", "good.example.test good.example.test localhost\n"},
		{"127.0.0.3", "- - localhost\n"},
		{"127.0.0.5", "- - localhost\n"},
	} {
		t.Run(test.from, func(t *testing.T) {
			sc := newScene(t, shServer+"'echo ${TCPREMOTEHOST--} ${REMOTE_HOST--} $TCPLOCALHOST'\n", func(c *Config) { c.Resolve = true })
			sc.names = dnstest.Example(t)
			sc.start()
			if got := sc.visit(test.from, ""); got != test.answer {
				t.Errorf("%s: answer %q, want %q", test.from, got, test.answer)
			}
			sc.wantLog("-connection")
		})
	}
}
