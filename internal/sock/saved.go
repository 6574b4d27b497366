package sock

import (
	"encoding/json"
	"net/netip"
	"unique"

	"golang.org/x/sys/unix"
)

// savedSpec is a Spec with nothing hidden from package json.
type savedSpec struct {
	Family, Type uint8
	Dual         bool `json:",omitempty"`
	Protocol     uint16
	Addr         netip.AddrPort
	Name         []byte `json:",omitempty"` // a path need not be UTF-8
}

// MarshalJSON writes a Spec for another process.
func (s Spec) MarshalJSON() ([]byte, error) {
	saved := savedSpec{Family: s.Family, Type: s.Type, Dual: s.Dual, Protocol: s.Protocol, Addr: s.Addr}
	if s.name != (unique.Handle[string]{}) {
		saved.Name = []byte(s.name.Value())
	}
	return json.Marshal(saved)
}

// UnmarshalJSON reads what MarshalJSON has written.
func (s *Spec) UnmarshalJSON(text []byte) error {
	var saved savedSpec
	if err := json.Unmarshal(text, &saved); err != nil {
		return err
	}
	*s = Spec{Family: saved.Family, Type: saved.Type, Dual: saved.Dual, Protocol: saved.Protocol, Addr: saved.Addr}
	if saved.Name != nil || s.Family == unix.AF_UNIX || s.Family == unix.AF_VSOCK {
		s.name = unique.Make(string(saved.Name))
	}
	return nil
}
