package inetd

import (
	"testing"
)

// A reload neither frees a service that is suspended nor forgets its servers.
func TestInheritMux(t *testing.T) {
	t.Parallel()
	was, now, added := &service{label: "tcpmux/a"}, &service{label: "tcpmux/a"}, &service{label: "tcpmux/b"}
	was.usage().Live = 3
	s := &Server{now: &generation{}}
	g := &generation{mux: []*service{was}}
	s.inheritMux(g) // the first load
	s.now = g
	s.inheritMux(&generation{mux: []*service{added, now}})
	if now.used != was.used || added.used != nil {
		t.Errorf("%v and %v", now.used, added.used)
	}
}
