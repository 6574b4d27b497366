package main

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"inetd/internal/conf"
)

// examplePort is the port that all examples of more than one machine serve.
const examplePort = "6556"

// servesExample wants a configuration to serve the port and to have no mistake.
func servesExample(t *testing.T, file, text string) {
	t.Helper()
	entries, problems := conf.Parse(file, []byte(text), nil)
	for _, p := range problems {
		t.Error(p)
	}
	if len(entries) != 1 || entries[0].Service != examplePort {
		t.Errorf("%s: %v", file, entries)
	}
}

// startsExample wants the daemon to take the arguments, with all files below a directory.
func startsExample(t *testing.T, args []string, dir string) {
	t.Helper()
	o, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	if !o.EndServers || o.pidFile != "" || len(o.Files) != 1 || !strings.HasPrefix(o.Files[0], dir) {
		t.Errorf("%q: %+v", args, o)
	}
}

// fill decodes a JSON file into a value.
func fill(t *testing.T, path string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, path)), to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// TestExampleOfHAProxy: the proxy has the port of the machines behind it, they trust this
// proxy, and HAProxy accepts its file without a warning.
func TestExampleOfHAProxy(t *testing.T) {
	t.Parallel()
	proxy, machine := read(t, "../../testdata/machines/haproxy.cfg"), read(t, "../../testdata/machines/machine.conf")
	servesExample(t, "machine.conf", machine)
	if !strings.Contains(proxy, "this machine, 192.0.2.10.") || !strings.Contains(machine, "proxy = 192.0.2.10,") {
		t.Error("the machines believe another proxy")
	}
	for line := range strings.Lines(proxy) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == "server" {
			if !strings.HasSuffix(f[2], ":"+examplePort) || !slices.Contains(f, "send-proxy-v2") {
				t.Errorf("not what machine.conf expects: %s", line)
			}
		}
	}
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command(haproxy, "-c", "-q", "-f", "../../testdata/machines/haproxy.cfg").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExampleOfKubernetes: the DaemonSet mounts the ConfigMap where inetd reads it.
func TestExampleOfKubernetes(t *testing.T) {
	t.Parallel()
	var list struct {
		Items []struct {
			Kind     string
			Metadata struct{ Name string }
			Data     map[string]string
			Spec     struct {
				Selector struct{ MatchLabels map[string]string }
				Template struct {
					Metadata struct{ Labels map[string]string }
					Spec     struct {
						Containers []struct {
							Command, Args []string
							VolumeMounts  []struct{ Name, MountPath string }
						}
						Volumes []struct {
							Name      string
							ConfigMap struct{ Name string }
						}
					}
				}
			}
		}
	}
	fill(t, "../../testdata/machines/daemonset.json", &list)
	config, set := list.Items[0], list.Items[1]
	if config.Kind != "ConfigMap" || set.Kind != "DaemonSet" {
		t.Fatalf("%s, %s", config.Kind, set.Kind)
	}
	servesExample(t, "load.conf", config.Data["load.conf"])
	pod := set.Spec.Template
	c, v := pod.Spec.Containers[0], pod.Spec.Volumes[0]
	if v.ConfigMap.Name != config.Metadata.Name || v.Name != c.VolumeMounts[0].Name {
		t.Errorf("another ConfigMap: %+v", v)
	}
	if pod.Metadata.Labels["app"] == "" || pod.Metadata.Labels["app"] != set.Spec.Selector.MatchLabels["app"] {
		t.Errorf("labels %v, selector %v", pod.Metadata.Labels, set.Spec.Selector.MatchLabels)
	}
	args := slices.Concat(c.Command[1:], c.Args)
	startsExample(t, args, c.VolumeMounts[0].MountPath)
	if !slices.Contains(args, "--watch") {
		t.Errorf("the ConfigMap is not watched: %q", args)
	}
}

// TestExampleOfNomad: the job makes the file that inetd reads.
func TestExampleOfNomad(t *testing.T) {
	t.Parallel()
	var file struct {
		Job struct {
			TaskGroups []struct {
				Tasks []struct {
					Config struct {
						Command string
						Args    []string
					}
					Templates []struct{ DestPath, EmbeddedTmpl, ChangeSignal string }
				}
			}
		}
	}
	fill(t, "../../testdata/machines/nomad.json", &file)
	task := file.Job.TaskGroups[0].Tasks[0]
	template := task.Templates[0]
	servesExample(t, "load.conf", template.EmbeddedTmpl)
	startsExample(t, task.Config.Args, filepath.Dir(template.DestPath))
	if template.ChangeSignal != "SIGHUP" {
		t.Errorf("a change is told by %s", template.ChangeSignal)
	}
}
