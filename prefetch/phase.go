package prefetch

// Phase is where a task stands in its life. The zero value is [Pending].
type Phase uint8

// The phases of a task. A task leaves [Settled] and [Lost] only by being
// forgotten, except that a lost task which is found is active again.
const (
	// Pending: the vendor never answered for the task.
	Pending Phase = iota
	// Active: some URL is not final.
	Active
	// Settled: every URL is final, and that was proven.
	Settled
	// Lost: the vendor does not know the task.
	Lost

	// NumPhases is how many phases there are.
	NumPhases = int(Lost) + 1
)

var phaseNames = [NumPhases]string{"pending", "active", "settled", "lost"}

// Phases returns every phase, in the order of their values.
func Phases() []Phase { return []Phase{Pending, Active, Settled, Lost} }

// String returns the value of the `phase` label, such as "settled".
func (p Phase) String() string { return nameOf(p, phaseNames[:]) }

// MarshalText returns the same word as [Phase.String].
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [Phase.MarshalText] wrote.
func (p *Phase) UnmarshalText(text []byte) error { return readName(p, text, phaseNames[:], exactly) }
