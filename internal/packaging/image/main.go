// Image makes a container image that holds one program and nothing else. It
// needs no engine and no registry.
//
//	image OUT VERSION COMMIT ARCH=BINARY...
//
// OUT becomes an archive of an OCI layout with one image for each architecture.
// SOURCE_DATE_EPOCH is the time of everything in it, so that the same programs
// give the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	if len(os.Args) < 5 {
		log.Fatal("usage: image OUT VERSION COMMIT ARCH=BINARY...")
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		log.Fatal(err)
	}
}

func run(out, version, commit string, binaries []string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	made := time.Unix(seconds, 0).UTC()
	index := v1.ImageIndex(mutate.IndexMediaType(empty.Index, types.OCIImageIndex))
	for _, b := range binaries {
		arch, path, _ := strings.Cut(b, "=")
		image, err := imageOf(path, arch, version, commit, made)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}}})
	}
	dir, err := os.MkdirTemp("", "image")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := layout.Write(dir, index); err != nil {
		return err
	}
	return archive(out, dir, made)
}

// imageOf returns an image whose one layer holds the program at path.
func imageOf(path, arch, version, commit string, made time.Time) (v1.Image, error) {
	text, err := layer(path, made)
	if err != nil {
		return nil, err
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, l); err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Created.Time, config.OS, config.Architecture = made, "linux", arch
	for i := range config.History {
		config.History[i].Created.Time = made
	}
	config.Config = v1.Config{
		Entrypoint: []string{"/usr/sbin/inetd", "-f", "-e"},
		StopSignal: "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":    "inetd",
			"org.opencontainers.image.version":  version,
			"org.opencontainers.image.revision": commit,
		},
	}
	return mutate.ConfigFile(image, config)
}

// layer is a file system with the program and the directories that it looks
// into or writes to.
func layer(path string, made time.Time) ([]byte, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, dir := range []struct {
		name string
		mode int64
	}{{"etc/", 0o755}, {"run/", 0o755}, {"tmp/", 0o1777}, {"usr/", 0o755}, {"usr/sbin/", 0o755}} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir.name, Mode: dir.mode, ModTime: made})
	}
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "usr/sbin/inetd", Mode: 0o755, Size: int64(len(program)), ModTime: made})
	w.Write(program)
	err = w.Close() // with the first error of the calls before
	return b.Bytes(), err
}

// archive puts the files of a directory into a tar file.
func archive(out, dir string, made time.Time) error {
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text)), ModTime: made}); err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}
