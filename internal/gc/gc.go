// Package gc paces Go's garbage collector for a daemon that is idle most of the time, and
// gives back the memory that a burst of work has used. It is told when a burst begins and
// ends; all that comes of it are fewer resident pages.
package gc

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Pacer owns the collector's settings. These are settings of the whole process, so there
// should be only one Pacer. Its zero value is ready for use.
type Pacer struct {
	started sync.Once
	closed  atomic.Bool
}

// burst is how much memory, in bytes, a burst of work may use before garbage is collected
// during the burst, where a collection only costs time.
const burst = 256 << 20

// Hold begins a burst of work: no garbage is collected until Release, unless the process
// gets larger than 256 MiB.
func (p *Pacer) Hold() {
	debug.SetMemoryLimit(burst)
	debug.SetGCPercent(-1)
}

// Release ends a burst. It collects the garbage and returns its memory to the kernel,
// which takes tens of milliseconds.
func (p *Pacer) Release() {
	debug.FreeOSMemory()
	pace()
	p.started.Do(func() { p.eachCollection(pace) })
}

// minHeap is the size, in bytes, below which a heap is not worth a collection.
const minHeap = 4 << 20

// pace has garbage collected when the heap has doubled, by a memory limit instead of
// GOGC, which Hold has turned off: with GOGC Go also collects every two minutes, which
// would bring megabytes of an idle daemon's program back into memory.
func pace() {
	const reserve = 1 << 20 // Go's collector keeps this much of the limit free
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.SetMemoryLimit(int64(m.Sys - m.HeapSys + max(2*m.HeapAlloc, minHeap) + reserve))
}

// Close ends the pacing. The collector keeps its present settings.
func (p *Pacer) Close() { p.closed.Store(true) }

// eachCollection calls f after each collection of garbage from now on, until Close.
func (p *Pacer) eachCollection(f func()) {
	if p.closed.Load() {
		return
	}
	garbage := new([2]*byte) // the allocator would combine a smaller value with others that are in use
	runtime.AddCleanup(garbage, func(p *Pacer) {
		p.eachCollection(f) // before f, so that no collection is missed
		f()
	}, p)
}
