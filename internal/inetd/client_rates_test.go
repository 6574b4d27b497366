package inetd

import (
	"strings"
	"testing"
	"time"
)

// TestRates: starts count over the time that the entry asks for, and for sources of the
// width that it asks for, however that is written.
func TestRates(t *testing.T) {
	for _, tt := range []struct {
		name, conf string
		served     string // for each visit: x is a server, - is none
		from       string // for each visit: the last digit of its address
		log        string
	}{
		{"ip_max", keyed("-", "ip_max = 2/h", "echo x"), "xx-x", "2223", `from 127\.0\.0\.2 exceeded counts/1h \(limit 2, `},
		{"ip_max of a minute", keyed("-", "ip_max = 1/m", "echo x"), "x-x", "223", `from 127\.0\.0\.2 exceeded counts/min \(limit 1, `},
		{"ip_max in 90 minutes", keyed("-", "ip_max = 1/90m", "echo x"), "x-", "22", `exceeded counts/1h30m \(limit 1, `},
		{"source_prefix", keyed("-", "ip_max = 2/h, source_prefix = 24/64", "echo x"), "xx-", "234", `from 127\.0\.0\.0/24 exceeded counts/1h \(limit 2, `},
		{"a narrow source_prefix", keyed("-", "ip_max = 1/h, source_prefix = 31/64", "echo x"), "x-x", "234", `from 127\.0\.0\.2/31 exceeded counts/1h \(limit 1, `},
		{"source_prefix of penalties", keyed("-", "penalty = crash:90s, source_prefix = 24/64", "echo x; kill -SEGV $$"), "x-", "23", `from 127\.0\.0\.0/24 is refused until`},
		{"amended", shServer + "'echo x'\n127.0.0.1:PORT with ip_max = 2/h;\n* with source_prefix = 24/64, ip_max = 9;\n", "xx-", "234", `from 127\.0\.0\.0/24 exceeded counts/1h \(limit 2, `},
		{"behind a proxy", behind(", ip_max = 1/h, source_prefix = 24/64", "echo x"), "x-", "22", `from 192\.0\.2\.0/24 exceeded counts/1h`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, tt.conf, nil)
			sc.start()
			got, text := "", ""
			if strings.Contains(tt.conf, "proxy =") {
				text = header(1, "192.0.2.1:4096")
			}
			for _, digit := range tt.from {
				got += map[bool]string{true: "x", false: "-"}[strings.HasPrefix(sc.tryVisit("127.0.0."+string(digit), text), "x")]
			}
			if got != tt.served {
				t.Errorf("served %s, want %s", got, tt.served)
			}
			sc.wantLog(tt.log)
		})
	}
}

// TestServiceRate: the service is suspended until the time that its entry asks for has
// passed since the first start, no less, and not for a minute.
func TestServiceRate(t *testing.T) {
	if !apart(t) {
		return
	}
	const over = 400 * time.Millisecond
	sc := newScene(t, keyed("-", "service_max = 2/400ms", "echo x"), nil)
	sc.start()
	for range 3 {
		if got := sc.visit(stranger, ""); got != "x\n" {
			t.Fatalf("answer %q", got)
		}
		if u := sc.s.now.Services[0].Usage(); u.Started == 2 && time.Since(u.Starts.Start) > over {
			t.Skip("too slow: the time was over before the third client came")
		}
	}
	u := sc.s.now.Services[0].Usage()
	if u.Suspended != 1 || u.Starts.Count != 1 {
		t.Errorf("suspended %d times, %d starts since", u.Suspended, u.Starts.Count)
	}
	sc.wantLog(`service suspended: 2 starts in 0\.4 s, the limit; clients wait until `)
}

// TestShorterRate: a reload that shortens the time shortens a suspension under way too.
func TestShorterRate(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, keyed("-", "service_max = 1/h", "echo x"), nil)
	sc.start()
	sc.visit(stranger, "")
	go talkTo("127.0.0.1:"+sc.port, stranger, "")
	for !sc.s.now.Services[0].Usage().Halted {
		sc.s.turn()
	}
	sc.write("inetd.conf", keyed("-", "service_max = 1/600ms", "echo x"))
	for sc.s.reload(nil); sc.s.loading || sc.s.now.Services[0].Usage().Started < 2; {
		sc.s.turn()
	}
	for sc.s.running.Len() > 0 {
		sc.s.reap()
	}
}
