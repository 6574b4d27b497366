package inetd

import (
	"testing"

	"inetd/internal/table"
)

// A reload neither frees a service that is suspended nor forgets its servers.
func TestInheritMux(t *testing.T) {
	t.Parallel()
	was, now, added := &table.Service{Label: "tcpmux/a"}, &table.Service{Label: "tcpmux/a"}, &table.Service{Label: "tcpmux/b"}
	was.Usage().Live = 3
	s := &Server{now: &table.Generation{}}
	g := &table.Generation{Mux: []*table.Service{was}}
	s.inheritMux(g) // the first load
	s.now = g
	s.inheritMux(&table.Generation{Mux: []*table.Service{added, now}})
	if now.Used != was.Used || added.Used != nil {
		t.Errorf("%v and %v", now.Used, added.Used)
	}
}
