package inetd

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"inetd/internal/client"
	"inetd/internal/limit"
)

// TestSensor: a client that touches a sensor gets no service of any kind; others do.
func TestSensor(t *testing.T) {
	for _, tt := range []struct {
		name, keys string
		refused    bool // afterwards
		log        string
	}{
		{"a time", "sensor = 1h", true, `: trap/tcp: 127\.0\.0\.2 has touched the sensor, and no service serves it for 1h0m0s \(DIR/inetd\.conf:1\)`},
		{"for ever", "sensor = forever", true, `has touched the sensor, and no service serves it for as long as this daemon runs`},
		{"nobody", "sensor = 0", false, `trap/tcp from 127\.0\.0\.2 refused: this is a sensor \(DIR/inetd\.conf:1\)`},
		{"who is exempt", "sensor = 1h, penalty_exempt = 127.0.0.0/30", false, `refused: this is a sensor`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, "127.0.0.1:trap on protocol = tcp, port = PORT, "+tt.keys+";\n127.0.0.1:PORT dgram udp wait - internal echo\n", nil)
			sc.start()
			if got := sc.visit(stranger, ""); got != "" {
				t.Errorf("the sensor says %q", got)
			}
			sc.wantLog(tt.log)
			v := sc.s.now.Services[1]
			now := time.Now()
			for from, refused := range map[string]bool{stranger: tt.refused, "127.0.0.3": false} {
				a := &net.TCPAddr{IP: net.ParseIP(from), Port: 1}
				c := client.Client{Conn: -1, Peer: a.AddrPort(), Source: limit.Address(a.AddrPort().Addr())}
				if got := !sc.s.door.Admit(v, &c, time.Now()); got != refused {
					t.Errorf("%s is refused: %v", from, got)
				}
			}
			if tt.keys == "sensor = 1h" && sc.s.door.Sensed.Refuses(now.Add(time.Hour+time.Second), limit.Address(netip.MustParseAddr(stranger))) {
				t.Error("it is refused after its time")
			}
		})
	}
}

// TestSensorImpossible: what cannot be a sensor is not served at all.
func TestSensorImpossible(t *testing.T) {
	for _, tt := range []struct{ conf, log string }{
		{"127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = /bin/cat, sensor = 1h;\n", `: sensor: it serves nobody, service ignored \(.*; write it for an entry without exec and connect\)`},
		{"127.0.0.1:PORT on protocol = udp, sensor = 1h;\n", `: sensor: only the client of a tcp connection is known for certain, service ignored`},
		{"DIR/s on protocol = unix, socktype = stream, exec = internal, sensor = 1h;\n", `: sensor: only the client of a tcp connection is known for certain, service ignored`},
	} {
		sc := newScene(t, tt.conf, nil)
		sc.start()
		if n := len(sc.s.now.Services); n != 0 {
			t.Errorf("%s: %d services", tt.conf, n)
		}
		sc.wantLog(tt.log)
	}
}
