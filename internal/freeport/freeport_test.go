package freeport

import (
	"fmt"
	"net"
	"testing"
)

// TestClaim: a port is given once and can be bound; a port in use is seen as such.
func TestClaim(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 20 {
		port, err := Claim()
		if err != nil || seen[port] {
			t.Fatalf("port %d, %v", port, err)
		}
		seen[port] = true
		l, err := net.Listen("tcp", fmt.Sprint(":", port))
		if err != nil {
			t.Fatal(err)
		}
		if unused(port) {
			t.Errorf("port %d counts as unused while a socket listens there", port)
		}
		l.Close()
	}
}
