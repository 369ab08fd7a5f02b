package poller_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/store"
	vendorapi "prefetch_exporter/vendor_api"
	"prefetch_exporter/vendor_api/huaweicloud"
)

// wrongPassword and otherPassword are refused, rightPassword is not.
const (
	wrongPassword = "wrong-horse"
	otherPassword = "wrong-battery"
	rightPassword = "right-staple"
	someUser      = "some-domain/some-user"
)

// login tries a password and reports what became of it.
func login(t *testing.T, l *poller.Logins, user, password string) vendorapi.Login {
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

func logins(st poller.Store) *poller.Logins {
	return poller.QuickLogins(st, clock.Wall(time.Now))
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
		wait(time.Minute)
		if got := login(t, l, someUser, otherPassword); !got.Sent {
			t.Errorf("another password: %+v", got)
		}
		wait(time.Minute)
		for _, c := range []struct {
			name string
			*poller.Logins
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
		wait(3*time.Minute - time.Millisecond)
		if got := login(t, logins(st), someUser, wrongPassword); got.Sent {
			t.Error("sent a millisecond too soon")
		}
		wait(time.Millisecond)
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
		wait(time.Minute)
		for range 3 { // each of them a restart
			if got := login(t, logins(st), someUser, rightPassword); got.Sent || !got.Unheard || !got.Again.Equal(restarted.Add(5*time.Minute)) {
				t.Errorf("after a restart: %+v", got)
			}
			wait(time.Minute)
		}
		wait(2 * time.Minute)
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
					time.Sleep(second)
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
		ctx, cancel := context.WithTimeout(t.Context(), second/2)
		defer cancel()
		tries.Go(func() {
			wait(second / 4)
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
	st.failWith(func([]store.Op) error { return broken })
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
	l := poller.NewLogins(st, clock.Wall(time.Now))
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
	login(t, poller.NewLogins(st, clock.System()), someUser, wrongPassword)
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("one guess takes %v", took)
	}
}

// A wrong password of an account with many tasks is sent every five minutes, as
// each error says, and whoever mends it is let in at the next look.
func TestWrongPasswordOfAnAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := stuckVendor(8)
		var mu sync.Mutex
		var sent []time.Duration
		began, current := time.Now(), wrongPassword
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/v3/") {
				mu.Lock()
				sent = append(sent, time.Since(began))
				mu.Unlock()
			}
			v.ServeHTTP(w, r)
		})
		st := newMemory()
		c := client(t, h)
		p, err := huaweicloud.New(huaweicloud.Options{
			Endpoint: "http://vod.test", ProjectID: project, Client: c,
			Auth: huaweicloud.IAM(huaweicloud.IAMOptions{
				Endpoint: "http://iam.test", Domain: "domain", Username: "user", ProjectID: project, Client: c, Logins: logins(st),
				Password: func() string { mu.Lock(); defer mu.Unlock(); return current },
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		a := huawei(t, h)
		a.Provider, a.PollInterval = p, 30*second
		r := start(t, st, []poller.Account{a}, many(huaweiAccount, 8)...)
		wait(time.Minute)
		const want = "auth: password refused by IAM; tried again at 00:05:00Z unless it changes"
		if got := r.account(t, huaweiAccount).LastQuery.Error; got == nil || got.Message != want {
			t.Errorf("the error is %+v, want %q", got, want)
		}
		wait(15 * time.Minute)
		mu.Lock()
		for i, at := range sent {
			if want := time.Duration(i) * 5 * time.Minute; at < want || at > want+second {
				t.Errorf("sent after %v, want %v", at, want)
			}
		}
		if len(sent) != 4 {
			t.Errorf("sent %d times in 16 minutes", len(sent))
		}
		current = "password"
		mu.Unlock()
		const next = "password refused by IAM; tried again at 00:20:00Z unless it changes"
		if got := r.account(t, huaweiAccount).LastQuery.Error; got == nil || !strings.Contains(got.Message, next) {
			t.Errorf("the error is %+v, want %q", got, next)
		}
		wait(4*time.Minute + second)
		if got := r.account(t, huaweiAccount); !got.Up {
			t.Errorf("with the right password: %+v", got.LastQuery)
		}
		if got := v.Stats().OverQuota; got != 0 {
			t.Errorf("%d calls too many", got)
		}
	})
}

// What is known of refused passwords is not what the store forgets of identities
// that are not configured; but it goes like that in the end.
func TestRefusedPasswordsArePurgedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		login(t, logins(st), someUser, wrongPassword)
		purge := func() {
			p := poller.New(poller.Options{Store: st, Recorder: newRecorder(), Clock: clock.Wall(time.Now)})
			if err := p.Configure(nil); err != nil {
				t.Fatal(err)
			}
			runUntil(t, p, 2*time.Hour)
		}
		purge()
		if n := keys(t, st); n != 1 {
			t.Errorf("%d records after two hours", n)
		}
		time.Sleep(31 * 24 * time.Hour)
		purge()
		if n := keys(t, st); n != 0 {
			t.Errorf("%d records are left after a month", n)
		}
	})
}
