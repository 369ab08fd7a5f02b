package quota_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
)

// wrongPassword and otherPassword are refused, rightPassword is not.
const (
	wrongPassword = "wrong-horse"
	otherPassword = "wrong-battery"
	rightPassword = "right-staple"
	someUser      = "some-domain/some-user"
)

// login tries a password and reports what became of it.
func login(t *testing.T, l *quota.Logins, user, password string) vendorapi.Login {
	t.Helper()
	sent := false
	got, err := l.Try(t.Context(), user, password, func() bool {
		sent = true
		return password != rightPassword
	})
	if err != nil || sent != got.Sent {
		t.Fatalf("sent: %v, said to be %v, error %v", sent, got.Sent, err)
	}
	return got
}

func logins(st quota.Store) *quota.Logins {
	return quota.QuickLogins(st, clock.Wall(time.Now))
}

// A password that was refused is not sent again for five minutes, by nobody and
// not after a restart; another one is.
func TestRefusedPasswordIsNotSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		l := logins(st)
		refused := time.Now()
		if got := login(t, l, someUser, wrongPassword); !got.Sent || !got.Again.Equal(refused.Add(5*time.Minute)) {
			t.Errorf("the first try: %+v", got)
		}
		time.Sleep(time.Minute)
		if got := login(t, l, someUser, otherPassword); !got.Sent {
			t.Errorf("another password: %+v", got)
		}
		time.Sleep(time.Minute)
		for _, c := range []struct {
			name string
			*quota.Logins
		}{{"the same process", l}, {"after a restart", logins(st)}} {
			// The other wrong one has not made it forget the first.
			if got := login(t, c.Logins, someUser, wrongPassword); got.Sent || !got.Again.Equal(refused.Add(5*time.Minute)) || got.Unheard {
				t.Errorf("%s: the same password: %+v", c.name, got)
			}
			if got := login(t, c.Logins, someUser, rightPassword); !got.Sent || !got.Again.IsZero() {
				t.Errorf("%s: the right password: %+v", c.name, got)
			}
		}
		if got := login(t, l, "another user", wrongPassword); !got.Sent {
			t.Errorf("another user's same password: %+v", got)
		}
		time.Sleep(3*time.Minute - time.Millisecond)
		if got := login(t, logins(st), someUser, wrongPassword); got.Sent {
			t.Error("sent a millisecond too soon")
		}
		time.Sleep(time.Millisecond)
		if got := login(t, logins(st), someUser, wrongPassword); !got.Sent {
			t.Errorf("not sent after five minutes: %+v", got)
		}
	})
}

// Who was accepted may log in again at once, and the store keeps nothing.
func TestAcceptedPasswordLeavesNothing(t *testing.T) {
	t.Parallel()
	st := newMemory()
	l := logins(st)
	for range 3 {
		if got := login(t, l, someUser, rightPassword); !got.Sent || !got.Again.IsZero() {
			t.Errorf("%+v", got)
		}
	}
	if n := keys(t, st); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// A process that was killed before it heard the answer has sent the password: it
// counts as refused at the restart, once.
func TestUnheardTryCountsAsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		killed := make(chan struct{})
		go func() {
			_, _ = logins(st).Try(t.Context(), someUser, rightPassword, func() bool { <-killed; return true })
		}()
		synctest.Wait()
		restarted := time.Now().Add(time.Minute)
		time.Sleep(time.Minute)
		for range 3 { // each of them a restart
			if got := login(t, logins(st), someUser, rightPassword); got.Sent || !got.Unheard || !got.Again.Equal(restarted.Add(5*time.Minute)) {
				t.Errorf("after a restart: %+v", got)
			}
			time.Sleep(time.Minute)
		}
		time.Sleep(2 * time.Minute)
		if got := login(t, logins(st), someUser, rightPassword); !got.Sent {
			t.Errorf("five minutes later: %+v", got)
		}
		close(killed)
	})
}

// Several tries for one user come one after the other, so that the second knows
// what became of the first.
func TestTriesOfOneUserDoNotOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := logins(newMemory())
		var mu sync.Mutex
		sent := 0
		var tries sync.WaitGroup
		for range 4 {
			tries.Go(func() {
				got, err := l.Try(t.Context(), someUser, wrongPassword, func() bool {
					time.Sleep(time.Second)
					mu.Lock()
					defer mu.Unlock()
					sent++
					return true
				})
				if err != nil || got.Again.IsZero() {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		tries.Go(func() {
			time.Sleep(time.Second / 4)
			if got, err := l.Try(ctx, someUser, wrongPassword, func() bool { return true }); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a try that was given up: %+v, %v", got, err)
			}
		})
		tries.Wait()
		if sent != 1 {
			t.Errorf("sent %d times", sent)
		}
	})
}

// What cannot be recorded is not sent.
func TestPasswordIsNotSentUnrecorded(t *testing.T) {
	t.Parallel()
	st := newMemory()
	broken := errors.New("disk full")
	st.failWith(broken)
	l := logins(st)
	got, err := l.Try(t.Context(), someUser, rightPassword, func() bool { t.Error("sent"); return false })
	if !errors.Is(err, broken) {
		t.Errorf("%+v, %v", got, err)
	}
	st.failWith(nil)
	if got := login(t, l, someUser, rightPassword); !got.Sent {
		t.Errorf("when the store works again: %+v", got)
	}
}

// Neither passwords nor names of users are in the store, nor anything from which
// a password could be tried out fast.
func TestNoPasswordIsStored(t *testing.T) {
	t.Parallel()
	st := newMemory()
	l := quota.NewLogins(st, clock.Wall(time.Now))
	login(t, l, someUser, wrongPassword)
	n := 0
	err := st.Scan(store.Ledger, func(scope, key string, value []byte) error {
		n++
		for _, secret := range []string{wrongPassword, "some-user", "some-domain"} {
			if strings.Contains(scope+key+string(value), secret) {
				t.Errorf("%q is in the record %s %s %s", secret, scope, key, value)
			}
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d records, %v", n, err)
	}
	began := time.Now()
	login(t, quota.NewLogins(st, clock.System()), someUser, wrongPassword)
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("one guess takes %v", took)
	}
}

// What is known of refused passwords is not what the store forgets of identities
// that are not configured; but it goes like that in the end.
func TestRefusedPasswordsArePurgedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		login(t, logins(st), someUser, wrongPassword)
		purge := func() {
			if err := quota.Purge(st, nil, clock.Wall(time.Now)(), 30*24*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		purge()
		if n := keys(t, st); n != 1 {
			t.Errorf("%d records at once", n)
		}
		time.Sleep(31 * 24 * time.Hour)
		purge()
		if n := keys(t, st); n != 0 {
			t.Errorf("%d records are left after a month", n)
		}
	})
}

// A password that was refused to one replica is sent by no other one, whatever their
// clocks say, and of two that begin at once one is told to.
func TestRefusedPasswordOverReplicas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		on := func(machine string, off time.Duration) *quota.Logins {
			l := quota.ShareLogins(st, func() clock.Stamp {
				return clock.Stamp{Wall: time.Now().Add(off), Boot: machine, Up: time.Since(time.Unix(0, 0))}
			})
			return quota.Quick(l)
		}
		a, b := on("a", 0), on("b", time.Hour)
		if got := login(t, a, someUser, wrongPassword); !got.Sent {
			t.Errorf("the first try: %+v", got)
		}
		time.Sleep(time.Minute)
		if got := login(t, b, someUser, wrongPassword); got.Sent {
			t.Errorf("the same on another replica: %+v", got)
		}
		if got := login(t, b, someUser, rightPassword); !got.Sent {
			t.Errorf("another password: %+v", got)
		}
		time.Sleep(4*time.Minute + 30*time.Second)
		if got := login(t, b, someUser, wrongPassword); got.Sent {
			t.Errorf("five minutes after the try, less after it was heard of: %+v", got)
		}
		time.Sleep(time.Minute)
		if got := login(t, b, someUser, wrongPassword); !got.Sent {
			t.Errorf("six minutes later: %+v", got)
		}
		st.failWith(store.ErrMoved)
		time.Sleep(time.Hour)
		_, err := a.Try(t.Context(), someUser, otherPassword, func() bool { t.Error("it was sent"); return true })
		if !errors.Is(err, store.ErrMoved) {
			t.Errorf("another replica tries at the same moment: %v", err)
		}
	})
}
