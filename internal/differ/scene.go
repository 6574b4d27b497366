package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// scene is a configuration and the clients that try it.
//
// A file of testdata/differ is a configuration of xinetd, with the scene in comments:
//
//	#! tcp FROM TO [hold]        a client; with hold it stays until the end
//	#! udp FROM TO
//	#! FILE: LINE                a line of /etc/hosts.allow, hosts.deny, hosts, networks or services
//	#! differs WHAT: REASON      a deliberate difference, which has to be there; see verdict for WHAT
type scene struct {
	name      string
	conf      string
	generated bool
	tries     []try
	etc       map[string]string // lines to add to files of /etc
	differs   map[string]string // the reason of each deliberate difference
}

// try is a client.
type try struct {
	network  string
	from     netip.Addr
	to       netip.AddrPort
	hold     bool
	original string
}

// readScenes reads the files; if there are none, those in testdata/differ.
func readScenes(files []string) (scenes []scene, err error) {
	if len(files) == 0 {
		if files, err = filepath.Glob("testdata/differ/*"); err != nil || len(files) == 0 {
			return nil, fmt.Errorf("testdata/differ has no files (%v)", err)
		}
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s, err := parseScene(filepath.Base(path), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		scenes = append(scenes, s)
	}
	return scenes, nil
}

func parseScene(name, text string) (scene, error) {
	s := scene{name: name, conf: text, etc: map[string]string{}, differs: map[string]string{}}
	for line := range strings.Lines(text) {
		word, ok := strings.CutPrefix(line, "#! ")
		if !ok {
			continue
		}
		if err := s.direct(strings.TrimSpace(word)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// direct reads one directive.
func (s *scene) direct(line string) error {
	f := strings.Fields(line)
	before, after, found := strings.Cut(line, ": ")
	switch {
	case f[0] == "tcp" || f[0] == "udp":
		t, err := parseTry(f)
		s.tries = append(s.tries, t)
		return err
	case f[0] == "differs" && found:
		s.differs[strings.TrimSpace(strings.TrimPrefix(before, "differs"))] = after
	case found:
		s.etc[before] += after + "\n"
	default:
		return fmt.Errorf("bad directive %q", line)
	}
	return nil
}

func parseTry(f []string) (t try, err error) {
	if len(f) < 3 {
		return t, fmt.Errorf("%q: want tcp FROM TO", f)
	}
	t = try{network: f[0], hold: len(f) > 3 && f[3] == "hold", original: strings.Join(f, " ")}
	if t.from, err = netip.ParseAddr(f[1]); err == nil {
		t.to, err = netip.ParseAddrPort(f[2])
	}
	return t, err
}
