package hosts

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	first, second = netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")
	errNoSuch     = &net.DNSError{Err: "no such host", IsNotFound: true}
	errSilent     = errors.New("i/o timeout")
)

// answer is a Lookup with the same answer for every host.
func answer(err error, addrs ...netip.Addr) Lookup {
	return func(context.Context, string, string) ([]netip.Addr, error) { return addrs, err }
}

// found returns what is known of a host once there is an answer.
func found(a *Addresses, host string) ([]netip.Addr, error) {
	a.Of(host)
	a.AwaitAll()
	return a.Of(host)
}

// TestPending: who asks for a host without an answer is told so at once, and another
// question for the host asks nobody a second time.
func TestPending(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	answers := make(chan struct{})
	a := New(func(context.Context, string, string) ([]netip.Addr, error) {
		asked.Add(1)
		<-answers
		return []netip.Addr{first}, nil
	})
	for range 2 {
		if addrs, err := a.Of("a.example"); err != ErrPending || addrs != nil {
			t.Errorf("%v, %v", addrs, err)
		}
	}
	a.AwaitPrompt() // returns although there is no answer
	close(answers)
	if addrs, err := found(a, "a.example"); err != nil || !slices.Equal(addrs, []netip.Addr{first}) {
		t.Errorf("%v, %v", addrs, err)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestRenew: earlier addresses serve until there is an answer, and if there is none, but
// not if the answer is that the host does not exist.
func TestRenew(t *testing.T) {
	t.Parallel()
	old := New(answer(nil, first))
	if _, err := found(old, "a.example"); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		ask  Lookup
		want []netip.Addr
	}{
		"another address": {answer(nil, second), []netip.Addr{second}},
		"silence":         {answer(errSilent), []netip.Addr{first}},
		"no such host":    {answer(errNoSuch), nil},
	} {
		old := old.Copy()
		old.ask = tt.ask
		b := old.Renew()
		if addrs, err := found(b, "a.example"); !slices.Equal(addrs, tt.want) || Unknown(err) != (tt.want == nil) {
			t.Errorf("%s: %v, %v", name, addrs, err)
		}
		if addrs, _ := found(b.Renew(), "a.example"); !slices.Equal(addrs, tt.want) {
			t.Errorf("%s: after two loads %v", name, addrs)
		}
	}
}

// TestAgain: only the hosts without addresses are looked up again.
func TestAgain(t *testing.T) {
	t.Parallel()
	a := New(func(_ context.Context, _, host string) ([]netip.Addr, error) {
		if host == "good.example" {
			return []netip.Addr{first}, nil
		}
		return nil, errSilent
	})
	found(a, "good.example")
	found(a, "silent.example")
	a.ask = answer(nil, second)
	b := a.Again()
	for host, want := range map[string]netip.Addr{"good.example": first, "silent.example": second} {
		if addrs, err := found(b, host); err != nil || !slices.Equal(addrs, []netip.Addr{want}) {
			t.Errorf("%s: %v, %v", host, addrs, err)
		}
	}
	if _, err := found(a, "silent.example"); err == nil {
		t.Error("the original has changed")
	}
}

// TestNotAllAtOnce: of very many hosts only some are looked up at the same time.
func TestNotAllAtOnce(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int32
	full, end := make(chan struct{}), make(chan struct{})
	reach := sync.OnceFunc(func() { close(full) })
	a := New(func(context.Context, string, string) ([]netip.Addr, error) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == maxLookups {
			reach()
		}
		<-end
		now.Add(-1)
		return nil, nil
	})
	for i := range 3 * maxLookups {
		a.Of(fmt.Sprint(i))
	}
	<-full
	close(end)
	a.AwaitAll()
	if n := most.Load(); n != maxLookups {
		t.Errorf("%d at once", n)
	}
}

// TestNobodyToAsk: nil knows no host.
func TestNobodyToAsk(t *testing.T) {
	t.Parallel()
	if addrs, err := (*Addresses)(nil).Of("a.example"); err == nil || err == ErrPending || Unknown(err) || addrs != nil {
		t.Errorf("%v, %v", addrs, err)
	}
}
