package poller_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"prefetch_exporter/poller"
	"prefetch_exporter/prefetch"
	vendorapi "prefetch_exporter/vendor_api"
)

// What a vendor says ends up in warnings, and must not fill the log or memory. An
// account that fails after it is logged all the same.
func TestWarningsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
		began := time.Now()
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if time.Since(began) >= 115*time.Minute {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonAuth, HTTPStatus: 401, Message: "revoked"}
			}
			if n%2 == 1 {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonInvalid, Message: fmt.Sprint("mistake ", n)}
			}
			ans, err := running(n, q)
			for i := range 100 {
				ans.UnknownWords = append(ans.UnknownWords, fmt.Sprint("word ", n, " ", i))
				ans.Oddities = append(ans.Oddities, fmt.Sprint("oddity ", n, " ", i))
			}
			return ans, err
		}
		log := &logs{}
		startLogging(t, newMemory(), log.logger(), []poller.Account{quick(v)}, many(huaweiAccount, 20)...)
		wait(119 * time.Minute)
		// The first hour's five, and the second's, the first of which says how many
		// there were.
		for text, most := range map[string]int{"word ": 5, "oddity ": 10, "mistake ": 10} {
			if n := len(log.lines(text)); n != most {
				t.Errorf("%d lines with %q in two hours, want %d:\n%s", n, text, most, log.lines(text))
			}
		}
		if n := len(log.lines("alike_not_logged=")); n != 2 {
			t.Errorf("%d lines say how many were held back, want 2:\n%s", n, log.lines("alike_not_logged="))
		}
		if n := len(log.lines("revoked")); n != 1 {
			t.Errorf("%d lines of the account's failure, want 1:\n%s", n, log.lines("revoked"))
		}
	})
}

// TestAnAccountAnswersAgain is told once for each outage, with how long it was and
// how many calls failed, over a restart too.
func TestAnAccountAnswersAgain(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprint("restart ", restart), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				v, m := moody()
				m.set("task-0", urls(prefetch.Running))
				log, st := &logs{}, newMemory()
				r := startLogging(t, st, log.logger(), []poller.Account{quick(v)}, many(huaweiAccount, 1)...)
				wait(5 * time.Minute)
				if got := log.lines("answers again"); len(got) > 0 {
					t.Errorf("told of an account that never failed: %s", got)
				}
				m.set("task-0", fails(prefetch.ReasonUnavailable))
				wait(5 * time.Minute)
				began, failed := time.Now(), r.recorder.failed[prefetch.ReasonUnavailable]
				if restart {
					r.stop()
					r = startLogging(t, st, log.logger(), []poller.Account{quick(v)}, many(huaweiAccount, 1)...)
					wait(20 * time.Minute)
					failed += r.recorder.failed[prefetch.ReasonUnavailable]
				}
				m.set("task-0", urls(prefetch.Running))
				wait(20 * time.Minute)
				got := log.lines("answers again")
				if len(got) != 1 || !strings.Contains(got[0], "reason=unavailable after=") ||
					!strings.Contains(got[0], fmt.Sprintf("failed_calls=%d\n", failed)) {
					t.Fatalf("%d calls failed until %v; logged %s", failed, began, got)
				}
				var after string
				for word := range strings.FieldsSeq(got[0]) {
					if rest, ok := strings.CutPrefix(word, "after="); ok {
						after = rest
					}
				}
				if took, err := time.ParseDuration(after); err != nil || took < 4*time.Minute || took > 40*time.Minute {
					t.Errorf("it failed for %q", after)
				}
				if n := len(log.lines("a vendor call failed")); n != map[bool]int{false: 1, true: 2}[restart] {
					t.Errorf("%d lines of the failure:\n%s", n, log.lines("a vendor call failed"))
				}
			})
		})
	}
}

// TestAFlappingAccountIsLoggedInMeasure fails at every second call.
func TestAFlappingAccountIsLoggedInMeasure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &stub{caps: vendorapi.Capabilities{MaxInFlight: 1}}
		v.answer = func(n int, q vendorapi.Query) (vendorapi.Answer, error) {
			if n%2 == 1 {
				return vendorapi.Answer{}, &vendorapi.Error{Reason: prefetch.ReasonTimeout}
			}
			return running(n, q)
		}
		log := &logs{}
		a := quick(v)
		a.PollInterval = 10 * second
		startLogging(t, newMemory(), log.logger(), []poller.Account{a}, many(huaweiAccount, 5)...)
		wait(30 * time.Minute)
		failed, again := len(log.lines("a vendor call failed")), len(log.lines("answers again"))
		if calls := len(v.calls()); calls < 500 || failed < 25 || failed > 31 || again < 25 || again > 31 {
			t.Errorf("%d calls in 30 minutes: %d failures and %d recoveries logged, want about one a minute", calls, failed, again)
		}
	})
}

// TestALaunchIsFewLines launches 2,000 tasks, of which the vendor does not know
// three, and adds up what the log says of them.
func TestALaunchIsFewLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, m := moody()
		tasks := many(huaweiAccount, 300)
		for i, task := range tasks[3:] {
			settled := time.Now().Add(time.Minute + time.Duration(i)*200*time.Millisecond)
			m.set(task.ID, func() (vendorapi.Answer, error) {
				if time.Now().Before(settled) {
					return urls(prefetch.Running, prefetch.Waiting)()
				}
				return urls(prefetch.Succeeded, prefetch.Failed)()
			})
		}
		var info, debug bytes.Buffer
		record := slog.New(slog.NewMultiHandler(
			slog.NewJSONHandler(&info, nil), slog.NewJSONHandler(&debug, &slog.HandlerOptions{Level: slog.LevelDebug})))
		r := startLogging(t, newMemory(), record, []poller.Account{quick(v)}, tasks...)
		wait(30 * time.Minute)
		r.stop()
		sums, lost, lines := map[string]int{}, "", 0
		for line := range bytes.Lines(info.Bytes()) {
			lines++
			var entry map[string]any
			if err := json.Unmarshal(line, &entry); err != nil {
				t.Fatal(err)
			}
			for key, value := range entry {
				if n, ok := value.(float64); ok {
					sums[key] += int(n)
				}
			}
			if names, ok := entry["tasks"].(string); ok && entry["level"] == "WARN" {
				lost += names + ", "
			}
		}
		for key, want := range map[string]int{"new": 300, "active": 297, "settled": 297, "failed_urls": 297, "lost": 3} {
			if sums[key] != want {
				t.Errorf("the log says %d %s, want %d", sums[key], key, want)
			}
		}
		named := strings.Split(strings.TrimSuffix(lost, ", "), ", ")
		slices.Sort(named)
		if got := strings.Join(named, " "); got != "task-0 task-1 task-2" {
			t.Errorf("%q are named as lost", got)
		}
		if lines > 60 {
			t.Errorf("%d lines for one launch:\n%s", lines, info.Bytes())
		}
		if n := bytes.Count(debug.Bytes(), []byte("task changed phase")); n != 2*297+3 {
			t.Errorf("%d changes at level debug, want %d", n, 2*297+3)
		}
	})
}

// TestALostTaskIsNamedAtOnce does not wait for the end of a minute.
func TestALostTaskIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v, _ := moody()
		log := &logs{}
		r := startLogging(t, newMemory(), log.logger(), []poller.Account{quick(v)}, many(huaweiAccount, 1)...)
		for range 2 * 60 * 60 {
			wait(second)
			if r.task(t, huaweiAccount, "task-0").Phase == prefetch.Lost {
				break
			}
		}
		got := log.lines("are lost")
		if len(got) != 1 || !strings.Contains(got[0], "level=WARN") || !strings.Contains(got[0], "tasks=task-0 lost=1") {
			t.Errorf("logged %s", got)
		}
	})
}
