// Package childtest is for tests of what has a Starter to start servers with.
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
