package inetd

import (
	"runtime"
	"testing"
)

func TestEachCollection(t *testing.T) {
	t.Parallel()
	collected := make(chan bool, 1)
	eachCollection(func() {
		select {
		case collected <- true:
		default: // goes on after the test
		}
	})
	for range 3 {
		runtime.GC()
		<-collected
	}
}
