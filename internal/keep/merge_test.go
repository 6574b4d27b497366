package keep

import (
	"testing"

	"inetd/internal/table"
)

// TestInheritMux: a reload neither ends the suspension of a service of tcpmux nor forgets
// its running servers.
func TestInheritMux(t *testing.T) {
	t.Parallel()
	was, now, added := &table.Service{Label: "tcpmux/a"}, &table.Service{Label: "tcpmux/a"}, &table.Service{Label: "tcpmux/b"}
	was.Usage().Live = 3
	s := New(Loop{Now: &table.InForce{Generation: &table.Generation{Mux: []*table.Service{added, now}}}})
	s.inheritMux([]*table.Service{was})
	if now.Used != was.Used || added.Used != nil {
		t.Errorf("%v and %v", now.Used, added.Used)
	}
}
