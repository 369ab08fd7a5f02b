package etcdtest

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Network is the network between one client and the members: a TCP proxy for each.
// What the client sends while it is cut is held back and arrives when it is mended,
// as packets do that are sent again; a request that was given up by then is not.
type Network struct {
	endpoints []string
	listeners []net.Listener
	requests  *gate
	answers   *gate

	mutex       sync.Mutex
	broken      bool
	connections map[net.Conn]struct{}
	workers     sync.WaitGroup
}

// Connect returns a network of its own for one client. It is there until the test
// ends.
func Connect(t testing.TB, c *Cluster) *Network {
	t.Helper()
	n := &Network{connections: map[net.Conn]struct{}{}, requests: newGate(), answers: newGate()}
	t.Cleanup(n.close)
	for _, endpoint := range c.Endpoints() {
		target, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		n.listeners = append(n.listeners, listener)
		n.endpoints = append(n.endpoints, target.Scheme+"://"+listener.Addr().String())
		n.workers.Go(func() { n.accept(listener, target.Host) })
	}
	return n
}

// Endpoints returns the addresses that the client has to use.
func (n *Network) Endpoints() []string { return n.endpoints }

// Cut lets nothing through in either direction; connections stay open.
func (n *Network) Cut() {
	n.requests.shut()
	n.answers.shut()
}

// CutAnswers lets requests through and no answers: whatever the client asks for
// happens, and it does not hear so.
func (n *Network) CutAnswers() { n.answers.shut() }

// Break closes all connections, and every new one at once.
func (n *Network) Break() {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.broken = true
	n.hangUp()
}

// Mend ends what [Network.Cut], [Network.CutAnswers] and [Network.Break] began.
func (n *Network) Mend() {
	n.mutex.Lock()
	n.broken = false
	n.mutex.Unlock()
	n.requests.open()
	n.answers.open()
}

// close ends the network and all its connections.
func (n *Network) close() {
	for _, l := range n.listeners {
		_ = l.Close()
	}
	n.Break()
	n.requests.open()
	n.answers.open()
	n.workers.Wait()
}

func (n *Network) hangUp() {
	for c := range n.connections {
		_ = c.Close()
	}
	clear(n.connections)
}

func (n *Network) accept(listener net.Listener, target string) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && n.keep(client) {
			n.workers.Go(func() { n.connect(client, target) })
		}
	}
}

// keep remembers a connection, or closes it if the network is broken.
func (n *Network) keep(c net.Conn) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.broken {
		_ = c.Close()
		return false
	}
	n.connections[c] = struct{}{}
	return true
}

func (n *Network) drop(c net.Conn) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	_ = c.Close()
	delete(n.connections, c)
}

func (n *Network) connect(client net.Conn, target string) {
	defer n.drop(client)
	n.requests.wait()
	member, err := net.Dial("tcp", target) //nolint:noctx // loopback answers at once
	if err != nil || !n.keep(member) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer n.drop(member)
		carry(member, client, n.requests)
	})
	both.Go(func() {
		defer n.drop(client)
		carry(client, member, n.answers)
	})
	both.Wait()
}

// carry copies until either end is closed; what was read waits for the gate.
func carry(to io.Writer, from io.Reader, g *gate) {
	const size = 32 << 10
	buffer := make([]byte, size)
	for {
		read, err := from.Read(buffer)
		g.wait()
		if read > 0 {
			if _, err := to.Write(buffer[:read]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// gate is what waits pass when it is open.
type gate struct {
	mutex  sync.Mutex
	passes chan struct{} // closed when it is open
}

func newGate() *gate {
	g := &gate{passes: make(chan struct{})}
	close(g.passes)
	return g
}

func (g *gate) shut() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	select {
	case <-g.passes:
		g.passes = make(chan struct{})
	default:
	}
}

func (g *gate) open() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	select {
	case <-g.passes:
	default:
		close(g.passes)
	}
}

func (g *gate) wait() {
	g.mutex.Lock()
	passes := g.passes
	g.mutex.Unlock()
	<-passes
}
