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
	var p Pacer
	collected := make(chan bool, 100)
	p.eachCollection(func() { collected <- true })
	for range 3 {
		runtime.GC()
		<-collected
	}
	p.Close()
	for range 10 {
		done := make(chan bool, 1)
		runtime.AddCleanup(new([2]*byte), func(c chan bool) { c <- true }, done)
		runtime.GC()
		<-done
	}
	if n := len(collected); n > 2 { // one cleanup was added before Close, and one may have been running
		t.Errorf("it goes on after Close: %d times", n)
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
