package table

import (
	"strings"

	"inetd/internal/plan"

	"golang.org/x/sys/unix"
)

// muxLabel begins the labels of the services that tcpmux hands out.
const muxLabel = plan.MuxName + "/"

func (v *Service) muxName() string { return strings.TrimPrefix(v.Label, muxLabel) }

// GoAhead tells the client of tcpmux at descriptor conn that its server begins, if the
// entry has a +; otherwise the server does. The text fits into the empty send buffer.
func (v *Service) GoAhead(conn int) {
	if v.Do.Plus {
		unix.Write(conn, []byte("+Go\r\n"))
	}
}

// Muxed returns the service of a name, in upper or lower case; nil: there is none.
func (g *Generation) Muxed(name string) *Service {
	for _, v := range g.Mux {
		if strings.EqualFold(v.muxName(), name) {
			return v
		}
	}
	return nil
}

// Menu returns the answer to "help": the name of each service on a line of its own.
func Menu(services []*Service) string {
	var b strings.Builder
	for _, v := range services {
		b.WriteString(v.muxName() + "\r\n")
	}
	return b.String()
}
