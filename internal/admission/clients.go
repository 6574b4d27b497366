package admission

import (
	"time"

	"inetd/internal/access"
	"inetd/internal/client"
	"inetd/internal/table"
)

// This file applies the keys allow and deny. An address is checked as soon as its client
// is accepted; a host name is looked up beside the loop, by an inquiry.

// welcomes reports whether the address of a client lets it go on. If only the client's
// name can decide, it sets c.Named.
func (d *Door) welcomes(v *table.Service, c *client.Client) bool {
	if !v.Do.Guarded || !c.Peer.IsValid() {
		return true
	}
	g := d.now.Guards[v]
	r := g.Rule(c.Peer.Addr())
	if r == access.Refused {
		d.unwelcome(v, c, g)
	}
	c.Named = r == access.AskName
	return r != access.Refused
}

// unwelcome counts and logs a client whose address is refused. The sender of a datagram
// may be forged, so senders are logged at most once a minute.
func (d *Door) unwelcome(v *table.Service, c *client.Client, g *access.Guard) {
	d.Blame(v, c)
	u := v.Usage()
	if !v.Do.Listens {
		now := time.Now()
		if now.Sub(u.Unwelcome) < time.Minute {
			return
		}
		u.Unwelcome = now
	}
	d.inquiries.Refused(v, *c, g)
}
