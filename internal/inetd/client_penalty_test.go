package inetd

import "testing"

// TestPenalty: how a server ends counts against its client, and against nobody else.
func TestPenalty(t *testing.T) {
	if !apart(t) {
		return
	}
	const crash, fail = "echo x; kill -SEGV $$", "echo x; exit 3"
	for _, test := range []struct {
		name, keys, command string
		served              string // for each visit: x is a server, - is none
		from                string // for each visit: the last digit of its address, 127.0.0.2 to .5
		log                 string
	}{
		{"crash", "penalty = crash:90s", crash, "x---x-", "222233", `^.*: PORT/tcp from 127\.0\.0\.2 is refused until \d\d:\d\d:\d\d: its server crashed, killed by segmentation fault \(DIR/inetd\.conf:1\)$`},
		{"fail", "penalty = fail:30s", fail, "x-x", "223", `: its servers fail, exit status 3 \(`},
		{"failures add up", "penalty = fail:6s", fail, "xxx--x", "222223", `: its servers fail, exit status 3 \(`},
		{"minimum", "penalty = fail:6s, penalty_min = 7s", fail, "xx-", "222", ` is refused until`},
		{"not so bad", "penalty = fail:1s", fail, "xxxxxx", "222222", `-is refused until`},
		{"crash is no failure", "penalty = fail:90s", crash, "xx", "22", `-is refused until`},
		{"failure is no crash", "penalty = crash:90s", fail, "xx", "22", `-is refused until`},
		{"a good end", "penalty = crash:90s fail:90s", "echo x", "xxx", "222", `-is refused until`},
		{"the client has gone", "penalty = crash:90s fail:90s", "echo x; kill -PIPE $$", "xx", "22", `-is refused until`},
		{"the daemon has ended it", "penalty = crash:90s fail:90s, max_time = 50ms", "echo x; trap 'kill -SEGV $$' TERM; read n; exit 1", "xx", "22", `-is refused until`},
		{"maximum", "penalty = crash:90s, penalty_min = 5s, penalty_max = 10s", crash, "x--x", "2223", ` is refused until`},
		{"exempt", "penalty = crash:90s, penalty_exempt = 127.0.0.2", crash, "xxx-", "2233", `from 127\.0\.0\.3 is refused until`},
		{"refused", "penalty = refused:20s, deny = 127.0.0.2", "echo x", "--x", "223", `from 127\.0\.0\.2 is refused until .*: it was refused by rules \(`},
		{"refused by hosts.deny", "penalty = refused:20s, wrap = yes", "echo x", "x-", "24", `from 127\.0\.0\.4 is refused until .*: it was refused by rules \(`},
		{"the place of the key", "nice = 0;\n\n* with penalty = fail:90s", fail, "x-", "22", `exit status 3 \(DIR/inetd\.conf:3\)$`},
		{"none", "nice = 0", crash, "xx", "22", `-is refused until`},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t, keyed("-", test.keys, test.command), nil)
			sc.write("deny", "ALL: 127.0.0.4\n")
			sc.start()
			got, u := "", sc.s.now.Services[0].Usage()
			for _, digit := range test.from {
				before := u.Started // a server that is ended soon may say nothing
				sc.tryVisit("127.0.0."+string(digit), "")
				got += map[bool]string{true: "x", false: "-"}[u.Started > before]
			}
			if got != test.served {
				t.Errorf("served %s, want %s", got, test.served)
			}
			sc.wantLog(test.log)
		})
	}
}

// TestPenaltyIsNoticedAtOnce: the end of a server is noticed before the next client comes,
// however few clients there are.
func TestPenaltyIsNoticedAtOnce(t *testing.T) {
	sc := newScene(t, keyed("-", "penalty = crash:90s", "kill -SEGV $$"), nil)
	sc.start()
	sc.tryVisit(stranger, "")
	for sc.s.now.Services[0].Usage().Debts == nil {
		sc.s.turn()
	}
	sc.tryVisit(stranger, "")
	if u := sc.s.now.Services[0].Usage(); u.Started != 1 || u.Refused.Penalty != 1 {
		t.Errorf("%d started, %d refused", u.Started, u.Refused.Penalty)
	}
}

// TestPenaltyOfNobody: a maximum below the minimum is reported at the load.
func TestPenaltyOfNobody(t *testing.T) {
	sc := newScene(t, keyed("-", "penalty = crash:90s, penalty_max = 10s", "true"), nil)
	sc.start()
	sc.wantLog(`: penalty_max: penalties never come to penalty_min, 15s, so nobody is refused \(.*inetd\.conf:1:\d+\)$`)
}

// TestPenaltyStays: a reload forgives nobody.
func TestPenaltyStays(t *testing.T) {
	sc := newScene(t, keyed("-", "penalty = crash:90s", "echo x; kill -SEGV $$"), nil)
	sc.start()
	sc.tryVisit(stranger, "")
	for sc.s.reload(nil); sc.s.loading; {
		sc.s.turn()
	}
	if got := sc.tryVisit(stranger, ""); got != "" {
		t.Errorf("answer %q", got)
	}
}

// TestPenaltyBehindProxy: the client gets the penalty, not its proxy.
func TestPenaltyBehindProxy(t *testing.T) {
	sc := newScene(t, behind(", penalty = crash:90s", "echo x; kill -SEGV $$"), nil)
	sc.start()
	got := ""
	for _, client := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:3"} {
		got += sc.tryVisit(stranger, header(1, client)) + "."
	}
	if got != "x\n..x\n." {
		t.Errorf("%q", got)
	}
}
