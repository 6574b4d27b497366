// Package slab makes many small values that live long in few big blocks. Made one by
// one between the garbage of a load they would keep many times their size from being
// given back. A block is freed when none of its values is in use.
package slab

import (
	"slices"
	"strings"
	"unsafe"
)

// The first block is small, as there may be few values. Both sizes, in bytes, are ones that
// Go's allocator has. No block is of a size between them: the allocator takes some 20 KiB
// of memory for each size that is in use.
const (
	firstSize = 512
	blockSize = 8192
)

// size is that of the block after one with room for so many.
func size(before int) int {
	if before == 0 {
		return firstSize
	}
	return blockSize
}

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
	s.block = make([]T, 0, max(size(cap(s.block))/max(int(unsafe.Sizeof(v)), 1), n))
}

// Strings makes copies of strings. The zero value is ready for use.
type Strings struct{ block strings.Builder }

// Add returns a copy of a string, which may be part of a longer one.
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
