package slab

import (
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// TestAdd: values keep their contents and their addresses when a block is full.
func TestAdd(t *testing.T) {
	t.Parallel()
	var s Of[[3]int]
	var all []*[3]int
	const n = 3000 // more than a block
	for i := range n {
		all = append(all, s.Add([3]int{i, i, i}))
	}
	for i, v := range all {
		if *v != [3]int{i, i, i} {
			t.Fatalf("%d is %v", i, *v)
		}
	}
	if gap := uintptr(unsafe.Pointer(all[1])) - uintptr(unsafe.Pointer(all[0])); gap != unsafe.Sizeof([3]int{}) {
		t.Errorf("two values are %d bytes apart", gap)
	}
}

// TestBigValue: a value may be bigger than a block.
func TestBigValue(t *testing.T) {
	t.Parallel()
	var s Of[[2 * blockSize]byte]
	if a, b := s.Add([2 * blockSize]byte{1}), s.Add([2 * blockSize]byte{2}); a[0] != 1 || b[0] != 2 {
		t.Errorf("%d, %d", a[0], b[0])
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	var s Strings
	text := "ftp/tcp and more"
	short := s.Add(text[:7])
	if unsafe.StringData(short) == unsafe.StringData(text) {
		t.Error("it is part of the long string still")
	}
	long := strings.Repeat("x", 3*blockSize)
	if got := s.Add(long); got != long {
		t.Errorf("%d bytes of %d", len(got), len(long))
	}
	if next := s.Add("daytime"); next != "daytime" || short != "ftp/tcp" {
		t.Errorf("%q, %q", next, short)
	}
}

// TestAddAll: lists keep their contents when a block is full, a list may be longer than a
// block, and appending to a list does not overwrite the next one.
func TestAddAll(t *testing.T) {
	t.Parallel()
	var s Of[int]
	const n = 300
	var all [][]int
	for i := range n {
		list := make([]int, i)
		for j := range list {
			list[j] = i
		}
		all = append(all, s.AddAll(list))
	}
	all = append(all, s.AddAll(make([]int, 2*blockSize)))
	_ = append(all[1], -1)
	for i, list := range all[:n] {
		if len(list) != i || slices.ContainsFunc(list, func(v int) bool { return v != i }) {
			t.Fatalf("list %d is %v", i, list)
		}
	}
	if len(all[n]) != 2*blockSize {
		t.Errorf("%d values", len(all[n]))
	}
}
