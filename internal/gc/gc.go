// Package gc paces Go's garbage collector for a daemon that is idle nearly all
// of its life, and gives back the memory that a burst of work has used. In go
// the moments at which such a burst begins and ends; out comes nothing but
// fewer resident pages.
package gc

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Pacer owns the collector's settings, which belong to the whole process: there
// should be one of it. Its zero value is ready for use.
type Pacer struct {
	started sync.Once
	closed  atomic.Bool
}

// burst is how much memory, in bytes, a burst of work may use before garbage is
// collected in its middle, where a collection would only cost time.
const burst = 256 << 20

// Hold begins a burst of work: nothing is collected until Release, unless the
// memory gets large.
func (p *Pacer) Hold() {
	debug.SetMemoryLimit(burst)
	debug.SetGCPercent(-1)
}

// Release ends a burst. It collects the garbage, returns its memory to the
// kernel, and takes tens of milliseconds for that.
func (p *Pacer) Release() {
	debug.FreeOSMemory()
	pace()
	p.started.Do(func() { p.eachCollection(pace) })
}

// minHeap is the size, in bytes, from which on the heap is worth a collection.
const minHeap = 4 << 20

// pace has garbage collected when the heap has doubled. Go would do that by
// itself, but also every two minutes, and for that an idle daemon would have
// megabytes of its program in memory again.
func pace() {
	const reserve = 1 << 20 // Go's collector keeps so much of the limit free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys - m.HeapSys + max(2*m.HeapAlloc, minHeap) + reserve))
}

// Close ends the pacing. The collector keeps the settings that it has.
func (p *Pacer) Close() { p.closed.Store(true) }

// eachCollection calls f after each collection of garbage from now on, until it is
// closed.
func (p *Pacer) eachCollection(f func()) {
	if p.closed.Load() {
		return
	}
	garbage := new([2]*byte) // not so small that it would share its place with something in use
	runtime.AddCleanup(garbage, func(p *Pacer) {
		p.eachCollection(f) // before f, so that none is missed
		f()
	}, p)
}
