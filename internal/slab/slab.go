// Package slab makes many small values that live long in few big blocks. Made one by
// one between the garbage of a load they would keep many times their size from being
// given back. A block is freed when none of its values is in use.
package slab

import (
	"slices"
	"strings"
	"unsafe"
)

// blockSize is in bytes, one of the sizes that Go's allocator has.
const blockSize = 8192

// Of makes values of one type. The zero value is ready for use.
type Of[T any] struct{ block []T }

// Add returns a copy of a value.
func (s *Of[T]) Add(v T) *T {
	if len(s.block) == cap(s.block) {
		s.block = make([]T, 0, max(blockSize/unsafe.Sizeof(v), 1))
	}
	s.block = append(s.block, v)
	return &s.block[len(s.block)-1]
}

// AddAll returns a copy of a list.
func (s *Of[T]) AddAll(list []T) []T {
	if cap(s.block)-len(s.block) < len(list) {
		var v T
		s.block = make([]T, 0, max(blockSize/int(unsafe.Sizeof(v)), len(list)))
	}
	s.block = append(s.block, list...)
	return slices.Clip(s.block[len(s.block)-len(list):])
}

// Strings makes copies of strings. The zero value is ready for use.
type Strings struct{ block strings.Builder }

// Add returns a copy of a string, which may be part of a longer one.
func (b *Strings) Add(s string) string {
	if b.block.Cap()-b.block.Len() < len(s) {
		b.block = strings.Builder{}
		b.block.Grow(max(len(s), blockSize))
	}
	start := b.block.Len()
	b.block.WriteString(s)
	return b.block.String()[start:]
}
