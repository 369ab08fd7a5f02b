package dashboards_test

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"prefetch_exporter/dashboards"
)

var update = flag.Bool("update", false, "write the dashboards' files")

// TestFilesAreUpToDate: what people import is what this package builds.
func TestFilesAreUpToDate(t *testing.T) {
	t.Parallel()
	for _, d := range dashboards.All() {
		file := d.UID + ".json"
		want, err := d.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, want, 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the package builds; run go test ./dashboards -update (-want +got):\n%s", file, diff)
		}
	}
}
