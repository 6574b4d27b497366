package gc

import (
	"reflect"
	"runtime"
	"slices"
	"testing"
	"unsafe"
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

func TestMappings(t *testing.T) {
	t.Parallel()
	m := ReadMappings()
	program, data := m.program, m.data
	if len(program) == 0 || len(data) == 0 {
		t.Fatalf("%d mappings of the program, %d of memory", len(program), len(data))
	}
	code, heap := reflect.ValueOf(TestMappings).Pointer(), uintptr(unsafe.Pointer(new([1 << 16]byte)))
	if !holds(program, code) || holds(data, code) {
		t.Error("code is not where the program is mapped")
	}
	if !holds(data, heap) || holds(program, heap) {
		t.Error("the heap is not where there is memory of no file")
	}
}

func holds(spans []span, address uintptr) bool {
	return slices.ContainsFunc(spans, func(m span) bool { return m.from <= address && address < m.to })
}
