package docs_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const anID = "3ff59d129a2c40a39b9be8c9de9975d6"

// built returns the folder of both programs, which are built once.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "docs")
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(context.Background(), "go", "build", "-o", folder+"/", ".", "./cmd/prefetchtool")
	build.Dir = repository
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return folder, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if folder, err := built(); err == nil {
		os.RemoveAll(folder)
	}
	os.Exit(code)
}

// sandbox is a folder in which the manual's commands do no harm.
type sandbox struct {
	folder, programs string
	exporter         string // the URL of what answers as an exporter does
}

// newSandbox has the files that the manual's commands name, and stand-ins of the
// programs that it must not run.
func newSandbox(t *testing.T) sandbox {
	t.Helper()
	programs, err := built()
	if err != nil {
		t.Fatal(err)
	}
	answering := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(answering.Close)
	s := sandbox{folder: t.TempDir(), programs: programs, exporter: answering.URL}
	certificate, key := selfSigned(t)
	for name, text := range map[string]string{
		"urls.txt": "https://video.example.com/a.mp4\n",
		"password": "secret\n", "ca.pem": certificate, "exporter.crt": certificate, "exporter.key": key,
		"web.yml":                         "tls_server_config: {cert_file: exporter.crt, key_file: exporter.key}\n",
		"http.yml":                        "basic_auth: {username: pipeline, password_file: password}\n",
		"home/.zfunc/_":                   "",
		"home/.config/fish/completions/_": "",
		"home/.local/share/bash-completion/completions/_": "",
		"bin/prefetch_exporter":                           exporterScript, "prefetch_exporter": exporterScript,
		"bin/prefetchtool": toolScript, "prefetchtool": toolScript,
		"bin/make": otherScript, "bin/go": otherScript,
		"submit-prefetch": "#!/bin/bash\necho " + anID + "\n",
	} {
		s.write(t, name, text)
	}
	scripts, err := filepath.Glob(repository + "/scripts/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		s.write(t, "scripts/"+filepath.Base(script), otherScript)
	}
	s.writeConfig(t, read(t, "../config.example.yml"))
	return s
}

func (s sandbox) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(s.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// The programs of ours are run for real, and what would serve or call a vendor is
// run so that it only reads its command line. Each leaves a line: what was done,
// the exit code, the command.
const (
	exporterScript = `#!/bin/bash
args=("${@//\/etc\/prefetch_exporter\//}")
what=ran
case " $* " in
*--demo* | *--storage.import*) what=parsed && args+=(--help) ;;
*--config.check* | *--help* | *--version* | *--completion*) ;;
*) what=parsed && args+=(--config.check) ;;
esac
"$PROGRAMS/prefetch_exporter" "${args[@]}"
code=$?
printf '%s\t%s\tprefetch_exporter %s\n' $what $code "$*" >>"$COMMANDS"
exit $code
`
	toolScript = `#!/bin/bash
args=("$@")
what=ran
case " $* " in
*" check "* | *--watch* | *--exporter.url*) what=parsed && args+=(--help) ;;
esac
PREFETCH_EXPORTER_URL=$ANSWERING "$PROGRAMS/prefetchtool" "${args[@]}"
code=$?
printf '%s\t%s\tprefetchtool %s\n' $what $code "$*" >>"$COMMANDS"
exit $code
`
	otherScript = `#!/bin/bash
printf 'looked up\t0\t%s %s\n' "${0##*/}" "$*" >>"$COMMANDS"
`
	// Whatever else a block calls does nothing, and says an id where it is asked for
	// one.
	preamble = `set -e
cd() { :; }
command_not_found_handle() {
  case $1 in
  sudo) shift && "$@" ;;
  jq | curl) echo ` + anID + ` ;;
  esac
}
`
)

// run has bash run a script of a block, and returns a line for each command of ours in it.
func (s sandbox) run(t *testing.T, b block, script string) []string {
	t.Helper()
	log := s.write(t, "commands", "")
	bash := exec.CommandContext(t.Context(), "/bin/bash", "-c", preamble+script)
	bash.Dir = s.folder
	bash.Env = []string{
		"PATH=" + s.folder + "/bin", "HOME=" + s.folder + "/home", "PROGRAMS=" + s.programs, "COMMANDS=" + log,
		"ANSWERING=" + s.exporter, "EXPORTER=" + s.exporter, "id=" + anID, "ACCOUNT=edge", "TASK=" + anID, "GITHUB_OUTPUT=" + s.folder + "/output",
	}
	if output, err := bash.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v in:\n%s\nit says:\n%s", b.page, b.line, err, script, output)
	}
	return strings.FieldsFunc(read(t, log), func(r rune) bool { return r == '\n' })
}

// answer is what an exporter answers whose one task is warm.
func answer(w http.ResponseWriter, r *http.Request) {
	task := `{"account":"edge","provider":"cdnetworks","id":"` + anID + `","phase":"settled","settled":true,` +
		`"urls":{"waiting":0,"running":0,"succeeded":1,"failed":0,"unknown":0},"url_list":[],"url_list_total":0}`
	data := task
	switch {
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	case r.URL.Path == "/api/v1/tasks":
		data = "[" + task + "]"
	case r.URL.Path == "/api/v1/accounts":
		data = `[{"provider":"cdnetworks","account":"edge","up":true}]`
	}
	fmt.Fprintf(w, `{"status":"success","data":%s}`, data)
}

// selfSigned returns a certificate and its key in PEM.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}
