package deploy_test

import (
	"path/filepath"
	"strings"
	"testing"
)

const (
	service = "prefetch_exporter.service"
	socket  = "prefetch_exporter.socket"
	// mostExposure is what `systemd-analyze security` may say at most, in tenths: 10
	// is no protection at all. systemd 252 says 1.2.
	mostExposure = "15"
)

// TestUnits has systemd's own tool read the units. The program is not installed
// where it says, so that it looks for another.
func TestUnits(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	text := string(read(t, inRepository("deploy/systemd", service)))
	const program = "ExecStart=/usr/bin/prefetch_exporter "
	if strings.Count(text, program) != 1 {
		t.Fatalf("%s does not start %s", service, program)
	}
	write(t, filepath.Join(folder, service), []byte(strings.Replace(text, program, "ExecStart=/bin/true ", 1)))
	write(t, filepath.Join(folder, socket), read(t, inRepository("deploy/systemd", socket)))
	for _, unit := range []string{service, socket} {
		said := tool(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", filepath.Join(folder, unit))
		if said != "" {
			t.Errorf("systemd-analyze verify %s:\n%s", unit, said)
		}
	}
}

// TestExposure: the unit takes from the exporter what it does not need.
func TestExposure(t *testing.T) {
	t.Parallel()
	said := tool(t, "systemd-analyze", "security", "--offline=true", "--threshold="+mostExposure,
		inRepository("deploy/systemd", service))
	if !strings.Contains(said, "Overall exposure level") {
		t.Errorf("systemd-analyze security:\n%s", said)
	}
}

// TestUnitStartsTheExporter: the exporter takes the arguments of the unit, with and
// without the socket, and reads the secrets where the unit puts them.
func TestUnitStartsTheExporter(t *testing.T) {
	t.Parallel()
	_, rest, _ := strings.Cut(string(read(t, inRepository("deploy/systemd", service))), "ExecStart=")
	line, _, _ := strings.Cut(rest, "\n")
	credentials := t.TempDir()
	writeSecrets(t, credentials)
	config := strings.ReplaceAll(packagedExample(t), "/run/credentials/"+service+"/secrets_", credentials+"/")
	path := filepath.Join(t.TempDir(), "config.yml")
	write(t, path, []byte(config))
	for _, more := range []string{"", "--web.systemd-socket"} {
		words := strings.Fields(strings.ReplaceAll(line, "$ARGS", more))
		args := []string{"--config.check"}
		for _, word := range words[1:] {
			args = append(args, strings.ReplaceAll(word, "/etc/prefetch_exporter/config.yml", path))
		}
		exporter(t, args...)
	}
}

// packagedExample is the configuration of the packages with its example instead of
// no account.
func packagedExample(t *testing.T) string {
	t.Helper()
	_, example, found := strings.Cut(string(read(t, inRepository("deploy/package/config.yml"))), "# accounts:\n")
	if !found {
		t.Fatal("deploy/package/config.yml has no example")
	}
	lines := []string{"accounts:"}
	for line := range strings.Lines(example) {
		if comment, found := strings.CutPrefix(line, "# "); found {
			lines = append(lines, strings.TrimRight(comment, "\n"))
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
