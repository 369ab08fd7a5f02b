package terminal_test

import (
	"testing"

	"github.com/jedib0t/go-pretty/v6/text"
)

func TestMain(m *testing.M) {
	text.EnableColors() // whatever the environment says
	m.Run()
}
