// Package slab allocates many small, long-lived values in a few big blocks. In go values;
// out come copies in blocks. Allocated one by one among the garbage of a load, they would
// keep many times their size from being given back. A block is freed when none of its
// values is in use.
package slab

import (
	"slices"
	"strings"
	"unsafe"
)

// The first block is small, as there may be few values. Both sizes, in bytes, are size
// classes of Go's allocator. There are no blocks between them, because the allocator takes
// some 20 KiB of memory for each size class in use.
const (
	firstSize = 512
	blockSize = 8192
)

// size returns the size of the next block, in bytes; before is 0 for the first block.
func size(before int) int {
	if before == 0 {
		return firstSize
	}
	return blockSize
}

// Of allocates values of one type. The zero value is ready for use.
type Of[T any] struct{ block []T }

// Add returns a pointer to a copy of v.
func (s *Of[T]) Add(v T) *T {
	s.reserve(1)
	s.block = append(s.block, v)
	return &s.block[len(s.block)-1]
}

// AddAll returns a copy of list, without room to grow.
func (s *Of[T]) AddAll(list []T) []T {
	s.reserve(len(list))
	s.block = append(s.block, list...)
	return slices.Clip(s.block[len(s.block)-len(list):])
}

// reserve makes room for n more values, in another block if need be.
func (s *Of[T]) reserve(n int) {
	if cap(s.block)-len(s.block) >= n {
		return
	}
	var v T
	s.block = make([]T, 0, max(size(cap(s.block))/max(int(unsafe.Sizeof(v)), 1), n))
}

// Strings allocates copies of strings. The zero value is ready for use.
type Strings struct{ block strings.Builder }

// Add returns a copy of s, which shares no memory with it.
func (b *Strings) Add(s string) string {
	if b.block.Cap()-b.block.Len() < len(s) {
		room := max(len(s), size(b.block.Cap()))
		b.block = strings.Builder{}
		b.block.Grow(room)
	}
	start := b.block.Len()
	b.block.WriteString(s)
	return b.block.String()[start:]
}
