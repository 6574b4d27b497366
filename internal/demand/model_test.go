package demand

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// world is what a Machine acts upon: a relay with clients, a process, a place, and a
// stranger who may be there. next makes all choices.
type world struct {
	t    *testing.T
	next func(n int) int // 0 to n-1
	m    Machine
	now  time.Time
	log  []string

	open, trusted bool // what the relay was told
	asked         bool // a Probe is not answered yet
	examined      bool // an Examine is not answered yet
	held, served  int  // clients
	refused       int  // clients that were refused and have not gone yet

	pid, last int
	listens   bool // the process listens at the place
	dying     bool // the process was told to end
	killed    bool
	adrift    bool // the process has ended and left another behind, which listens
	stranger  bool // somebody else listens at the place
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.log {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

// happens carries out what an event asks for.
func (w *world) happens(event string, acts []Act) {
	w.log = append(w.log, fmt.Sprintf("%v %s: %v -> %v, %d held, %d served", w.now.Sub(time.Unix(0, 0)), event, acts, w.m.Stage, w.held, w.served))
	said := event == "NotStarted" || event == "NeverRan" // the log tells of these events, too
	for i, a := range acts {
		switch a {
		case SayTaken, SayNever, SayHopeless, SayGone, SayTooEarly:
			said = true
		case Refuse:
			if w.held > 0 && !said {
				w.fail("clients are refused for no reason")
			}
			w.refused, w.held = w.refused+w.held, 0
		case Start:
			if i != len(acts)-1 {
				w.fail("something comes after Start")
			}
			w.start()
		case Term, Kill:
			if w.pid == 0 && event != "Ended" && event != "Crashed" {
				w.fail("there is nobody to end")
			}
			if a == Kill && w.pid != 0 && (!w.dying || w.killed) {
				w.fail("it was not told to end before, or is dead already")
			}
			w.dying, w.killed = w.pid != 0, a == Kill
		default:
			w.relay(a)
		}
	}
	if all := w.held + w.served + w.refused; w.m.Clients != all {
		w.fail("%d clients, and not %d", w.m.Clients, all)
	}
	if w.m.PID != w.pid {
		w.fail("process %d, and not %d", w.m.PID, w.pid)
	}
}

// relay has the relay do as it is told.
func (w *world) relay(a Act) {
	switch a {
	case Probe:
		w.asked = true
	case Open:
		w.open = true
	case Trust:
		if w.stranger {
			w.fail("clients of a stranger")
		}
		w.trusted = true
		w.serve()
	case Hold:
		w.open, w.trusted = false, false
	case Examine:
		w.examined = true
	}
}

// serve lets the clients go on that may.
func (w *world) serve() {
	if w.trusted && (w.listens || w.adrift) {
		w.served, w.held = w.served+w.held, 0
	}
}

func (w *world) start() {
	if w.pid != 0 {
		w.fail("a second process")
	}
	if w.next(8) == 0 {
		w.happens("NotStarted", w.m.NotStarted(w.now))
		return
	}
	w.last++
	w.pid, w.dying = w.last, false
	w.happens("Started", w.m.Started(w.now, w.pid))
}

// ends has the process end in one of several ways.
func (w *world) ends(how int) {
	if w.pid == 0 {
		return
	}
	starting := w.m.Stage == Starting
	w.pid, w.listens, w.dying = 0, false, false
	switch {
	case how == 0:
		w.adrift = starting && !w.stranger && w.next(2) == 0
		w.happens("Ended", w.m.Ended(w.now, true))
	case how == 1 && starting:
		w.happens("NeverRan", w.m.NeverRan(w.now))
	default:
		w.happens("Crashed", w.m.Ended(w.now, false))
	}
}

// tried has the relay report what it finds at the place.
func (w *world) tried() {
	if !w.asked && !(w.open && !w.trusted) && !(w.trusted && w.held > 0) {
		return
	}
	w.asked = false
	switch {
	case w.stranger:
		w.trusted = false
		w.happens("Taken", w.m.Taken(w.now))
	case w.listens || w.adrift:
		w.happens("Answers", w.m.Answers(w.now))
	default:
		w.trusted = false
		w.happens("Quiet", w.m.Quiet(w.now))
	}
}

// step makes something happen.
func (w *world) step() {
	w.now = w.now.Add(time.Duration(w.next(40)) * 10 * time.Millisecond)
	switch w.next(15) {
	case 0, 1, 2:
		w.held++
		acts := w.m.Come(w.now)
		w.serve()
		w.happens("Come", acts)
	case 3:
		if w.held > 0 {
			w.held--
			w.m.Leave(w.now)
		}
	case 4, 5:
		if w.served > 0 {
			w.served--
			w.m.Leave(w.now)
		}
	case 6:
		w.listens = !w.listens && w.pid != 0 && !w.stranger && !w.adrift // it may stop, too
	case 7:
		w.ends(w.next(3))
	case 8:
		w.stranger = !w.stranger && !w.listens && !w.adrift
	case 9, 10:
		w.tried()
	case 11:
		w.found()
	case 13:
		w.notify()
	case 14:
		w.goAway()
	case 12:
		w.adrift = false
		if w.next(4) == 0 {
			w.open, w.trusted, w.asked = false, false, false
			w.happens("Anew", w.m.Anew())
		}
	}
	w.tick()
}

// goAway has the refused clients leave.
func (w *world) goAway() {
	for ; w.refused > 0; w.refused-- {
		w.m.Leave(w.now)
	}
}

// notify has a process say that it is ready, whether or not it listens.
func (w *world) notify() {
	if w.pid != 0 && w.m.Notifies {
		w.happens("Notified", w.m.Notified())
	}
}

func (w *world) found() {
	if w.examined {
		w.examined = false
		w.happens("Examined", w.m.Examined(w.now, w.next(2) == 0))
	}
}

func (w *world) tick() {
	if due := w.m.Deadline(); !due.IsZero() && !w.now.Before(due) {
		w.happens("Tick", w.m.Tick(w.now))
	}
}

// settle lets things take their course: nobody comes any more, clients that are served
// leave, and a process that is told to end does. Then everything has to come to an end.
func (w *world) settle() {
	for range 200 {
		w.goAway()
		for ; w.served > 0; w.served-- {
			w.m.Leave(w.now)
		}
		if w.dying {
			w.ends(2)
		}
		w.found()
		w.tried()
		if due := w.m.Deadline(); !due.IsZero() && w.now.Before(due) {
			w.now = due
		}
		w.tick()
	}
	w.goAway()
	for ; w.served > 0; w.served-- {
		w.m.Leave(w.now)
	}
	if w.held > 0 {
		w.fail("%d clients wait for ever", w.held)
	}
	if w.m.Limits.Idle > 0 && w.pid != 0 {
		w.fail("the process stays")
	}
	if due := w.m.Deadline(); !due.IsZero() {
		w.fail("a timer stays: %v", due.Sub(w.now))
	}
}

func play(t *testing.T, next func(n int) int, steps int) {
	w := &world{t: t, next: next, now: time.Unix(0, 0), m: Machine{Limits: Limits{Start: time.Second, Idle: time.Duration(next(2)) * time.Second, End: time.Second, Notifies: next(3) == 0}}}
	for range steps {
		w.step()
	}
	w.settle()
}

// TestModel: whatever happens in whatever order, there is at most one process, no client
// waits for ever or is refused without a reason, a stranger gets none, and all timers
// end.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		play(t, r.IntN, 10+r.IntN(80))
	}
}

// TestRefusedNeedNoServer: clients that were refused and have not gone yet start no
// server; the next client does.
func TestRefusedNeedNoServer(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	m := Machine{Limits: Limits{Start: time.Second, End: time.Second}}
	m.Come(now)
	m.Come(now)
	m.Quiet(now)
	m.Started(now, 1)
	if acts := m.Ended(now, false); !slices.Contains(acts, Refuse) {
		t.Fatalf("a server that ends at once: %v", acts)
	}
	now = now.Add(time.Minute)
	if acts := m.Tick(now); len(acts) > 0 || !m.Deadline().IsZero() {
		t.Errorf("with two clients that are refused: %v, and again at %v", acts, m.Deadline())
	}
	if acts := m.Come(now); !slices.Equal(acts, []Act{Probe}) {
		t.Errorf("a new client: %v", acts)
	}
	m.Quiet(now)
	m.Started(now, 2)
	m.Leave(now)
	m.Leave(now)
	m.Ended(now, false)
	m.Come(now)
	if acts := m.Tick(now.Add(time.Minute)); !slices.Equal(acts, []Act{Probe}) {
		t.Errorf("a client that comes before the server may start again: %v", acts)
	}
}

// TestSilentAtTheEnd: if a server was ready for long and falls silent just before it crashes,
// its earlier failures are forgotten.
func TestSilentAtTheEnd(t *testing.T) {
	t.Parallel()
	begun := time.Unix(0, 0)
	m := Machine{Limits: Limits{Start: time.Minute, End: time.Second}, Failed: 5}
	m.Come(begun)
	m.Quiet(begun)
	m.Started(begun, 1)
	m.Answers(begun.Add(time.Second))
	end := begun.Add(time.Hour)
	m.Quiet(end)
	m.Ended(end, false)
	if rest := m.Rest.Sub(end); m.Failed != 1 || rest != resetTime {
		t.Errorf("failed %d times, it rests for %v", m.Failed, rest)
	}
	if age := end.Sub(m.Begun); age != time.Hour {
		t.Errorf("its process ran for %v", age)
	}
}

// TestAnswersBeforeItIsReady: a server that says itself when it is ready is not made
// ready by an answer from the place: the attempt may have begun before it was started.
func TestAnswersBeforeItIsReady(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	m := Machine{Limits: Limits{Start: time.Second, End: time.Second, Notifies: true}}
	m.Come(now)
	m.Tick(now.Add(time.Second)) // the attempt takes as long as that
	m.Started(now, 1)
	if acts := m.Answers(now); !slices.Equal(acts, []Act{Hold}) || m.Stage != Starting {
		t.Errorf("it is %v: %v", m.Stage, acts)
	}
	m.Notified()
	if acts := m.Answers(now); !slices.Equal(acts, []Act{SayReady, Open, Trust}) {
		t.Errorf("it has said so: %v", acts)
	}
}

// FuzzModel lets the fuzzer choose.
func FuzzModel(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x05\x09\x00\x06\x00\x09"))
	f.Fuzz(func(t *testing.T, b []byte) {
		steps := len(b) / 2
		play(t, func(n int) int {
			if len(b) == 0 {
				return 0
			}
			c := int(b[0])
			b = b[1:]
			return c % n
		}, min(steps, 500))
	})
}
