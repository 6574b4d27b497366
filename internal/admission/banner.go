package admission

import (
	"inetd/internal/plan"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The files of the keys banner, banner_success and banner_fail are read by a load, so that
// no file is read on the event loop.

// show sends a client the text of a file, if there is one. It fits into the send buffer.
func (d *Door) show(conn int, path string) {
	if text := d.now.Banners[path]; text != "" {
		unix.SendmsgN(conn, []byte(text), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	}
}

// Greet sends a client the text of the key banner, which is for every client.
func (d *Door) Greet(v *table.Service, conn int) {
	if k := v.Do.Keys; k != nil && k.Banner != "" {
		d.show(conn, k.Banner)
	}
}

// Welcome tells a client that its server starts, if the service is to: the "+" of tcpmux,
// or the text of the key banner_success.
func (d *Door) Welcome(v *table.Service, conn int) {
	v.GoAhead(conn)
	if k := v.Do.Keys; k != nil && k.BannerSuccess != "" && v.Do.Mode == plan.Accept {
		d.show(conn, k.BannerSuccess)
	}
}

// Refusal returns the text for a client that the service refuses, "" for none.
func (d *Door) Refusal(v *table.Service) string {
	switch k := v.Do.Keys; {
	case k.Has("refuse"):
		return k.Refuse
	case k.Has("banner_fail") && d.now.Banners[k.BannerFail] != "":
		return d.now.Banners[k.BannerFail]
	case v.Do.Mux:
		return table.NotAvailable
	}
	return ""
}
