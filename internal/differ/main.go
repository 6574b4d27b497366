// Differ serves configurations of xinetd with xinetd itself and with inetd, and compares
// what both do: the sockets that are open, the clients that are served, and all that a
// server sees of its process. In go the files of testdata/differ, and generated ones
// about access; out comes a table with a line for each file.
//
//	differ -xinetd PATH -inetd PATH [-pairs N] [-seed N] [FILE...]
//
// It needs root, and runs in namespaces of its own, where every address is the machine's
// and every port is free. A difference that a file itself announces (see scene.go) is
// deliberate; any other makes the exit status 1.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if isProbe() {
		probe()
		return
	}
	var o options
	flag.StringVar(&o.xinetd, "xinetd", "/usr/sbin/xinetd", "the xinetd to compare with")
	flag.StringVar(&o.inetd, "inetd", "bin/inetd", "the inetd to compare")
	flag.IntVar(&o.pairs, "pairs", 2000, "generated pairs of a file and a client")
	flag.Uint64Var(&o.seed, "seed", 1, "of the generated files")
	flag.BoolVar(&o.verbose, "v", false, "print what both did")
	flag.Parse()
	status, err := o.run(flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "differ: %v\n", err)
		status = 1
	}
	os.Exit(status)
}

type options struct {
	xinetd, inetd string
	pairs         int
	seed          uint64
	verbose       bool
}

// run starts the program again in namespaces of its own or, once there, does its work.
func (o *options) run(files []string) (status int, err error) {
	for _, path := range []*string{&o.xinetd, &o.inetd} {
		if *path, err = filepath.Abs(*path); err != nil {
			return 1, err
		}
		if _, err := os.Stat(*path); err != nil {
			return 1, err
		}
	}
	if !isolated() {
		return isolate()
	}
	scenes, err := readScenes(files)
	if err != nil {
		return 1, err
	}
	if err := furnish(); err != nil {
		return 1, err
	}
	return o.compare(append(scenes, generate(o.pairs, o.seed)...))
}

// retries is how often a scene that differs is played again. On a busy machine a client may
// come before one of the daemons has noticed the end of the server before, which counts
// where servers are limited. What differed is printed all the same.
const retries = 2

// both plays a scene with both daemons.
func (o *options) both(s *scene) (v *verdict, x, i *outcome, err error) {
	if x, err = play(xinetdPeer(o.xinetd), s); err != nil {
		return nil, nil, nil, err
	}
	if i, err = play(inetdPeer(o.inetd), s); err != nil {
		return nil, nil, nil, err
	}
	return judge(s, x, i), x, i, nil
}

// compare plays all scenes and prints the table.
func (o *options) compare(scenes []scene) (status int, err error) {
	var table []string
	total := tally{}
	for _, s := range scenes {
		v, x, i, err := o.both(&s)
		for again := 0; again < retries && err == nil && v.fails(); again++ {
			v.print(os.Stdout, &s, x, i)
			fmt.Printf("again    %s\n", s.name)
			v, x, i, err = o.both(&s)
		}
		if err != nil {
			return 1, fmt.Errorf("%s: %w", s.name, err)
		}
		total.add(&s, v)
		if o.verbose || v.fails() {
			v.print(os.Stdout, &s, x, i)
		}
		if !s.generated || v.fails() {
			table = append(table, v.line(&s))
		}
	}
	slices.Sort(table)
	fmt.Println(strings.Join(table, "\n"))
	fmt.Println(total)
	return min(total.failed, 1), nil
}
