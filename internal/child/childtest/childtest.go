// Package childtest gives tests of other packages a child.Starter.
package childtest

import (
	"testing"

	"inetd/internal/child"
)

// New makes a Starter, which is closed when the test ends.
func New(t testing.TB) *child.Starter {
	t.Helper()
	s, err := child.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
