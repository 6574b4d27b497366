package machine

import (
	"net/netip"
	"slices"
	"testing"

	"inetd/internal/plan"
)

// TestHostOfThisMachine: what every Linux has is found.
func TestHostOfThisMachine(t *testing.T) {
	t.Parallel()
	h := Host()
	if h.CPUs < 1 || len(h.HardLimits) != len(plan.Resources) {
		t.Errorf("%d processors, hard limits %v", h.CPUs, h.HardLimits)
	}
	if names := h.Interfaces(); !slices.Contains(names, "lo") {
		t.Errorf("interfaces %q", names)
	}
	if list := h.Addresses(); slices.ContainsFunc(list, func(a netip.Addr) bool { return !a.IsValid() || a.Zone() != "" }) {
		t.Errorf("addresses %v", list)
	}
	if list := h.Congestions(); len(list) == 0 {
		t.Error("no congestion controls")
	}
}
