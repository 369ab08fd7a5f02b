package poller_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/poller/clock"
	"prefetch_exporter/poller/quota"
	"prefetch_exporter/vendor_api/huaweicloud"
)

// A wrong password of an account with many tasks is sent every five minutes, as
// each error says, and whoever mends it is let in at the next look.
func TestWrongPasswordOfAnAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := stuckVendor(8)
		var mu sync.Mutex
		var sent []time.Duration
		began, current := time.Now(), "wrong-horse"
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
				Endpoint: "http://iam.test", Domain: "domain", Username: "user", ProjectID: project, Client: c, Logins: quota.NewLogins(st, clock.Wall(time.Now)),
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
