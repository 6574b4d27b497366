// Package slab makes many small values that live long in few big blocks. Made one by
// one between the garbage of a load they would keep many times their size from being
// given back. A block is freed when none of its values is in use.
package slab

import (
	"slices"
	"strings"
	"unsafe"
)

// Blocks are of sizes, in bytes, that Go's allocator has: each is twice the one before it,
// so that few values take little room.
const (
	firstSize = 512
	blockSize = 8192
)

// next is the size of the block after one of size bytes.
func next(size int) int { return min(max(2*size, firstSize), blockSize) }

// Of makes values of one type. The zero value is ready for use.
type Of[T any] struct{ block []T }

// Add returns a copy of a value.
func (s *Of[T]) Add(v T) *T {
	s.reserve(1)
	s.block = append(s.block, v)
	return &s.block[len(s.block)-1]
}

// AddAll returns a copy of a list.
func (s *Of[T]) AddAll(list []T) []T {
	s.reserve(len(list))
	s.block = append(s.block, list...)
	return slices.Clip(s.block[len(s.block)-len(list):])
}

// reserve has room for n more values, in another block if need be.
func (s *Of[T]) reserve(n int) {
	if cap(s.block)-len(s.block) >= n {
		return
	}
	var v T
	size := max(int(unsafe.Sizeof(v)), 1)
	s.block = make([]T, 0, max(next(cap(s.block)*size)/size, n))
}

// Strings makes copies of strings. The zero value is ready for use.
type Strings struct{ block strings.Builder }

// Add returns a copy of a string, which may be part of a longer one.
func (b *Strings) Add(s string) string {
	if b.block.Cap()-b.block.Len() < len(s) {
		size := next(b.block.Cap())
		b.block = strings.Builder{}
		b.block.Grow(max(len(s), size))
	}
	start := b.block.Len()
	b.block.WriteString(s)
	return b.block.String()[start:]
}
