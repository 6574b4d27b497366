package access

import (
	"net/netip"
	"strings"
	"testing"

	"inetd/internal/prefix"
)

// guardClients makes the clients of a key from words.
func guardClients(key, words string) Clients {
	c := Clients{Key: key, File: "f", Line: 7}
	if words == "" {
		return Clients{}
	}
	var nets []netip.Prefix
	for _, w := range strings.Fields(words) {
		if p, err := netip.ParsePrefix(w); err == nil {
			nets = append(nets, p)
		} else {
			c.Names = append(c.Names, w)
		}
	}
	c.Nets = prefix.New(nets)
	return c
}

func TestGuard(t *testing.T) {
	t.Parallel()
	const here, there = "192.0.2.1", "203.0.113.9"
	known := Query{NameState: Confirmed, PeerName: "Host.Example."}
	for _, tt := range []struct {
		name, allow, deny, peer string
		q                       Query
		ruling                  Ruling
		want                    string // allow or refuse, and the rule
	}{
		{"nothing", "", "", here, Query{}, Admitted, "allow"},
		{"deny", "", "192.0.2.0/24", here, Query{}, Refused, "refuse f:7 deny = 192.0.2.0/24"},
		{"deny another", "", "192.0.2.0/24", there, Query{}, Admitted, "allow"},
		{"allow", "192.0.2.0/24", "", here, Query{}, Admitted, "allow f:7 allow = 192.0.2.0/24"},
		{"allow another", "192.0.2.0/24", "", there, Query{}, Refused, "refuse f:7 allow: it does not name the client"},
		{"deny wins", "0.0.0.0/0", "192.0.2.0/24", here, Query{}, Refused, "refuse f:7 deny = 192.0.2.0/24"},
		{"mapped", "192.0.2.0/24", "", "::ffff:192.0.2.1", Query{}, Admitted, "allow f:7 allow = 192.0.2.0/24"},
		{"names", "host.example", "", here, Query{}, AskName, "ask f:7 allow"},
		{"name confirmed", "host.example", "", here, known, AskName, "allow f:7 allow = host.example"},
		{"domain", ".example", "", here, known, AskName, "allow f:7 allow = .example"},
		{"another domain", ".ample", "", here, known, AskName, "refuse f:7 allow: it does not name the client"},
		{"no domain", "example", "", here, known, AskName, "refuse f:7 allow: it does not name the client"},
		{"name denied", "", "host.example", here, known, AskName, "refuse f:7 deny = host.example"},
		{"another denied", "", "other.example", here, known, AskName, "allow"},
		{"unknown allowed", "host.example", "", here, Query{NameState: Unknown}, AskName, "refuse f:7 allow: cannot be decided: peer name is not known"},
		{"unknown denied", "", "host.example", here, Query{NameState: Unknown}, AskName, "refuse f:7 deny: cannot be decided: peer name is not known"},
		{"forged", "host.example", "", here, Query{NameState: Mismatch, PeerName: "host.example"}, AskName, "refuse f:7 allow: cannot be decided: peer name does not lead back to the address"},
		{"network before name", "192.0.2.0/24 host.example", "", here, Query{}, Admitted, "allow f:7 allow = 192.0.2.0/24"},
		{"name to deny, network to allow", "192.0.2.0/24", "host.example", here, Query{}, AskName, "ask f:7 deny"},
		{"refused whatever its name", "192.0.2.0/24", "host.example", there, Query{}, Refused, "ask f:7 deny"},
		{"unknown address", "192.0.2.0/24", "", "", Query{}, Refused, "refuse f:7 allow: cannot be decided: peer address is not known"},
		{"unix", "192.0.2.0/24", "", "", Query{UnixPeer: true}, Refused, "allow"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := &Guard{guardClients("allow", tt.allow), guardClients("deny", tt.deny)}
			q := tt.q
			if tt.peer != "" {
				q.Peer = netip.AddrPortFrom(netip.MustParseAddr(tt.peer), 9)
			}
			if got := g.Rule(q.Peer.Addr()); got != tt.ruling {
				t.Errorf("ruling %d, want %d", got, tt.ruling)
			}
			v := g.Check(q)
			got := "refuse"
			switch {
			case v.NeedName:
				got = "ask"
			case v.Allow:
				got = "allow"
			}
			if v.Place() != "" {
				got += " " + v.Place() + " " + v.Rule
			}
			if v.Note != "" {
				got += ": " + v.Note
			}
			if got != tt.want || v.NeedName && v.Allow {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
