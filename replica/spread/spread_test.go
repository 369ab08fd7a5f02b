package spread_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"prefetch_exporter/replica/spread"
)

const settle = 2 * time.Second

// words is a map of lists in few letters: "a:xy b:x" is a with x and y, b with x.
func words(text string) map[string][]string {
	m := map[string][]string{}
	for word := range strings.FieldsSeq(text) {
		name, letters, _ := strings.Cut(word, ":")
		m[name] = []string{}
		for _, letter := range letters {
			m[name] = append(m[name], string(letter))
		}
	}
	return m
}

// owners is who owns what, in the same words.
func owners(text string) map[string]string {
	m := map[string]string{}
	for name, identities := range words(text) {
		for _, identity := range identities {
			m[identity] = name
		}
	}
	return m
}

func TestDecide(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		self, members, owners string
		unowned               map[string]time.Duration
		calm                  time.Duration
		want                  string // claims, gives up, wakes
	}{
		"alone":                        {self: "a", members: "a:xyz", want: "[x y z] [] 0s"},
		"alone, with some":             {self: "a", members: "a:xyz", owners: "a:x", want: "[y z] [] 0s"},
		"nothing to serve":             {self: "a", members: "a:", want: "[] [] 0s"},
		"no member":                    {self: "a", members: "b:x", want: "[] [] 0s"},
		"by name on a tie":             {self: "a", members: "a:xyz b:xyz c:xyz", want: "[x] [] 1s"},
		"the second by name":           {self: "b", members: "a:xyz b:xyz c:xyz", want: "[y] [] 1s"},
		"who has fewest":               {self: "b", members: "a:xyz b:xyz", owners: "a:xy", want: "[z] [] 0s"},
		"who has more":                 {self: "a", members: "a:xyz b:xyz", owners: "a:xy", want: "[] [] 1s"},
		"others wait":                  {self: "a", members: "a:xyz b:xyz", owners: "a:xy", unowned: map[string]time.Duration{"z": 700 * time.Millisecond}, want: "[] [] 300ms"},
		"others have waited":           {self: "a", members: "a:xyz b:xyz", owners: "a:xy", unowned: map[string]time.Duration{"z": time.Second}, want: "[z] [] 0s"},
		"only who serves it":           {self: "b", members: "a:x b:y", want: "[y] [] 0s"},
		"nobody else's business":       {self: "b", members: "a:xz b:y c:z", owners: "b:y", want: "[] [] 0s"},
		"one ahead":                    {self: "a", members: "a:xyz b:xyz", owners: "a:xy b:z", calm: time.Hour, want: "[] [] 0s"},
		"two ahead":                    {self: "a", members: "a:xyz b:xyz", owners: "a:xy", unowned: map[string]time.Duration{}, calm: settle, want: "[] [] 1s"},
		"two ahead of one that has no": {self: "a", members: "a:xy b:xy", owners: "a:xy", calm: settle, want: "[] [x] 0s"},
		"not yet":                      {self: "a", members: "a:xy b:xy", owners: "a:xy", calm: 500 * time.Millisecond, want: "[] [] 1.5s"},
		"not the other's":              {self: "b", members: "a:xy b:xy", owners: "a:xy", calm: settle, want: "[] [] 0s"},
		"two ahead of who cannot":      {self: "a", members: "a:xy b:z", owners: "a:xy", calm: settle, want: "[] [] 0s"},
		"many at once":                 {self: "a", members: "a:uvwxyz b:uvwxyz", owners: "a:uvwxyz", calm: settle, want: "[] [u v w] 0s"},
		"many owners, one move":        {self: "a", members: "a:uvwx b:uvwx c:uvwx", owners: "a:uv b:wx", calm: settle, want: "[] [u] 0s"},
		"many owners, not mine":        {self: "b", members: "a:uvwx b:uvwx c:uvwx", owners: "a:uv b:wx", calm: settle, want: "[] [] 0s"},
		"not configured any more":      {self: "a", members: "a:x b:xy", owners: "a:xy", want: "[] [y] 0s"},
		"nobody serves it":             {self: "a", members: "a:x", owners: "a:xy", want: "[] [y] 0s"},
		"an owner that is no member":   {self: "a", members: "a:xyz b:xyz", owners: "gone:xyz", calm: settle, want: "[] [] 0s"},
		"no member itself":             {self: "a", members: "b:xy", owners: "a:xy", want: "[] [x y] 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := spread.View{
				Self: c.self, Members: words(c.members), Owners: owners(c.owners), Unowned: c.unowned, Calm: c.calm,
			}
			d := v.Decide()
			if got := fmt.Sprint(d.Claim, d.GiveUp, d.Wake); got != c.want {
				t.Errorf("decides %s, want %s", got, c.want)
			}
		})
	}
}

// group is replicas that decide one after the other.
type group struct {
	members map[string][]string
	owners  map[string]string
	moves   int
}

// round lets every replica decide once, in the order given, and reports whether
// anything changed. If they decide at once, none has heard of the others' decisions.
func (g *group) round(order []string, atOnce bool) (changed bool) {
	before := maps.Clone(g.owners)
	for _, name := range order {
		v := spread.View{Self: name, Members: g.members, Owners: g.owners, Calm: settle}
		if atOnce {
			v.Owners = before
		}
		d := v.Decide()
		for _, identity := range d.Claim {
			if g.owners[identity] != "" {
				panic("two are for one")
			}
			g.owners[identity] = name
		}
		for _, identity := range d.GiveUp {
			if g.owners[identity] != name {
				panic("gives up what it has not")
			}
			delete(g.owners, identity)
			g.moves++
		}
		changed = changed || len(d.Claim)+len(d.GiveUp) > 0
	}
	return changed
}

func drawGroup(rt *rapid.T, alike bool) *group {
	identities := make([]string, rapid.IntRange(0, 12).Draw(rt, "identities"))
	for i := range identities {
		identities[i] = string(rune('k' + i))
	}
	g := &group{members: map[string][]string{}, owners: map[string]string{}}
	for i := range rapid.IntRange(1, 5).Draw(rt, "members") {
		name := string(rune('a' + i))
		g.members[name] = []string{}
		for _, identity := range identities {
			if alike || rapid.Bool().Draw(rt, name+" serves "+identity) {
				g.members[name] = append(g.members[name], identity)
			}
		}
	}
	names := slices.Sorted(maps.Keys(g.members))
	for _, identity := range identities {
		if rapid.Bool().Draw(rt, identity+" is owned") {
			g.owners[identity] = rapid.SampledFrom(names).Draw(rt, identity+" owner")
		}
	}
	return g
}

// settles lets the group decide until nothing changes, which must come soon.
func (g *group) settles(rt *rapid.T) {
	names := slices.Sorted(maps.Keys(g.members))
	for range 100 {
		if !g.round(rapid.Permutation(names).Draw(rt, "order"), rapid.Bool().Draw(rt, "at once")) {
			return
		}
	}
	rt.Fatalf("after 100 rounds still not settled: %v", g.owners)
}

// From any state the group settles: every identity that a member serves has one owner
// that can serve it, and no move would even anything out.
func TestSettles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGroup(rt, false)
		g.settles(rt)
		counts := map[string]int{}
		for _, owner := range g.owners {
			counts[owner]++
		}
		served := map[string]bool{}
		for name, identities := range g.members {
			for _, identity := range identities {
				served[identity] = true
				owner := g.owners[identity]
				if owner == "" {
					rt.Fatalf("nobody owns %s", identity)
				}
				if counts[owner]-counts[name] >= 2 {
					rt.Fatalf("%s owns %s and %d, and %s could with %d", owner, identity, counts[owner], name, counts[name])
				}
			}
		}
		for identity, owner := range g.owners {
			if !served[identity] || !slices.Contains(g.members[owner], identity) {
				rt.Fatalf("%s owns %s, which it cannot serve", owner, identity)
			}
		}
	})
}

// Where all serve the same, identities are spread evenly, and no more are moved than
// must be.
func TestMovesNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGroup(rt, true)
		needed := g.needed()
		g.settles(rt)
		counts := map[string]int{}
		for name := range g.members {
			counts[name] = 0
		}
		for _, owner := range g.owners {
			counts[owner]++
		}
		all := slices.Collect(maps.Values(counts))
		if slices.Max(all)-slices.Min(all) > 1 {
			rt.Fatalf("not even: %v", counts)
		}
		if g.moves != needed {
			rt.Fatalf("%d moves, %d are needed", g.moves, needed)
		}
	})
}

// needed is how many identities must change their owner for an even spread: what is
// over the larger share, or over the smaller one where too many have the larger.
func (g *group) needed() (moves int) {
	counts := map[string]int{}
	for _, owner := range g.owners {
		counts[owner]++
	}
	total := 0
	for _, identities := range g.members {
		total = len(identities)
	}
	share, larger := total/len(g.members), total%len(g.members)
	for _, name := range slices.Sorted(maps.Keys(g.members)) {
		most := share
		if counts[name] > share && larger > 0 {
			most++
			larger--
		}
		moves += max(0, counts[name]-most)
	}
	return moves
}

// A member that comes gets its share, and the identities of one that went are taken by
// the others without a further move.
func TestComingAndGoing(t *testing.T) {
	t.Parallel()
	g := &group{members: words("a:pqrstuvwx b:pqrstuvwx c:pqrstuvwx"), owners: map[string]string{}}
	order := []string{"c", "a", "b", "d"}
	for g.round(order[:3], false) {
	}
	if g.moves != 0 {
		t.Errorf("%d moves at the beginning", g.moves)
	}
	delete(g.members, "b")
	maps.DeleteFunc(g.owners, func(_, owner string) bool { return owner == "b" })
	for g.round([]string{"a", "c"}, true) {
	}
	if g.moves != 0 {
		t.Errorf("%d moves after one went", g.moves)
	}
	g.members["d"] = g.members["a"]
	for g.round([]string{"d", "c", "a"}, false) {
	}
	counts := map[string]int{}
	for _, owner := range g.owners {
		counts[owner]++
	}
	if diff := cmp.Diff(map[string]int{"a": 3, "c": 3, "d": 3}, counts); diff != "" || g.moves != 3 {
		t.Errorf("%d moves: %s", g.moves, diff)
	}
}
