package running

import (
	"cmp"
	"slices"
)

// processes are processes in the order of their ids. New ones mostly come last. A map would
// be worse: its operations read type data on other pages of the program, and those pages
// would stay in memory.
type processes []*Process

// find returns the process with an id; nil: there is none.
func (all processes) find(pid int) *Process {
	if i, found := all.search(pid); found {
		return all[i]
	}
	return nil
}

func (all processes) search(pid int) (i int, found bool) {
	return slices.BinarySearchFunc(all, pid, func(p *Process, pid int) int { return cmp.Compare(p.PID, pid) })
}

// add adds a process, whose id no other has.
func (all *processes) add(p *Process) {
	i, _ := all.search(p.PID)
	*all = slices.Insert(*all, i, p)
}

// remove removes a process that was added.
func (all *processes) remove(p *Process) {
	i, _ := all.search(p.PID)
	*all = slices.Delete(*all, i, i+1)
}
