package storetest

import "sync"

// Disk is one that a test lets hang: its Wait is what a store does before it commits.
type Disk struct {
	mu    sync.Mutex
	thaws chan struct{} // nil unless it hangs
}

// Freeze lets the disk hang.
func (d *Disk) Freeze() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.thaws = make(chan struct{})
}

// Thaw lets it go on.
func (d *Disk) Thaw() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.thaws)
	d.thaws = nil
}

// Wait returns when the disk does not hang.
func (d *Disk) Wait() {
	d.mu.Lock()
	thaws := d.thaws
	d.mu.Unlock()
	if thaws != nil {
		<-thaws
	}
}
