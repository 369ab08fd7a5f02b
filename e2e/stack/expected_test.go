package stack_test

import (
	"cmp"
	"fmt"
	"regexp"
)

// identity tells the alerts of this test from each other.
type identity struct{ alert, account, task string }

func identify(labels map[string]string) identity {
	return identity{alert: labels["alertname"], account: labels["account"], task: labels["task"]}
}

func (i identity) String() string { return fmt.Sprintf("%s{%s/%s}", i.alert, i.account, i.task) }

func (i identity) compare(other identity) int {
	return cmp.Or(cmp.Compare(i.alert, other.alert), cmp.Compare(i.account, other.account), cmp.Compare(i.task, other.task))
}

// expectation is an alert that somebody must be told of.
type expectation struct {
	identity

	receiver, severity, provider string
	// summary is exact; description, counts and ratio are patterns of the whole
	// text, because some numbers depend on the moment.
	summary, description, counts, ratio string
	// dashboard is the end of the link to it.
	dashboard string
}

// whole matches a text from its begin to its end.
func whole(pattern, text string) bool {
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`).MatchString(text)
}

const (
	huaweicloudVOD = "huaweicloud_vod"
	cdnetworks     = "cdnetworks"
	// aTime and aMinute are times as the rules write them.
	aTime   = `\d{4}-\d\d-\d\d \d\d:\d\d UTC`
	aMinute = `\d\d:\d\d UTC`
	// answered ends what an answer told.
	answered = `, by the answer of ` + aTime
)

// refused is what the locked account's trouble must be told as.
func refused() expectation {
	return expectation{
		identity: identity{"PrefetchCredentialsRefused", lockedAccount, ""},
		receiver: pager, severity: "critical", provider: huaweicloudVOD,
		summary: "The vendor refuses the credentials.",
		description: `Account locked \(huaweicloud_vod\) is refused by the vendor\. ` +
			`It learns nothing of its tasks until the credentials or the clock are put right\.`,
		dashboard: "/d/prefetch-api-budget?var-account=locked",
	}
}

// troubles are what the tasks' troubles must be told as.
func troubles() []expectation {
	return []expectation{
		{
			identity: identity{"PrefetchSuccessRatioLow", vodAccount, vodBroken},
			receiver: pager, severity: "critical", provider: huaweicloudVOD,
			summary: "Too many URLs of a prefetch failed, and its deadline is at stake.",
			description: `At ` + aTime + ` at most 80% of task launch-broken in account vod \(huaweicloud_vod\) could reach the edge; ` +
				`the least is 95%, and the deadline ` + aTime + `\.`,
			counts: `2 failed, 8 running`, ratio: `0%`,
			dashboard: "/d/prefetch-task?var-account=vod&var-task=launch-broken",
		},
		{
			identity: identity{"PrefetchFailedURLs", edgeAccount, edgeScratch},
			receiver: tickets, severity: "warning", provider: cdnetworks,
			summary: "Some URLs of a prefetch failed.",
			description: `Failed URLs of task item-scratched in account edge \(cdnetworks\) that no later task has warmed, as of ` + aTime + `: 1\. ` +
				`They will not be fetched again; submit them once more\.`,
			counts: `1 failed, 24 succeeded`, ratio: `96%`,
			dashboard: "/d/prefetch-task?var-account=edge&var-task=item-scratched",
		},
		{
			identity: identity{"PrefetchTaskStuck", vodAccount, vodStuck},
			receiver: tickets, severity: "warning", provider: huaweicloudVOD,
			summary: "A prefetch takes much longer than usual.",
			description: `Task launch-stuck in account vod \(huaweicloud_vod\) was still unfinished 4\dm \d+s ` +
				`after its creation\.`,
			counts: `3 running, 7 succeeded`, ratio: `70%`,
			dashboard: "/d/prefetch-task?var-account=vod&var-task=launch-stuck",
		},
		{
			identity: identity{"PrefetchDeadlineAtRisk", vodAccount, vodStuck},
			receiver: tickets, severity: "warning", provider: huaweicloudVOD,
			summary: "A prefetch may miss its deadline.",
			description: `Task launch-stuck in account vod \(huaweicloud_vod\) must be on the edge at ` + aTime + `\. ` +
				`At its pace until ` + aMinute + ` it is finished at ` + aTime + `\.`,
			counts: `3 running, 7 succeeded`, ratio: `70%`,
			dashboard: "/d/prefetch-task?var-account=vod&var-task=launch-stuck",
		},
	}
}

// missed is what the deadline's passing must be told as.
func missed() expectation {
	return expectation{
		identity: identity{"PrefetchDeadlineMissed", vodAccount, vodStuck},
		receiver: pager, severity: "critical", provider: huaweicloudVOD,
		summary: "A prefetch missed its deadline.",
		description: `The deadline of task launch-stuck in account vod \(huaweicloud_vod\) was ` + aTime + `\. ` +
			`At ` + aTime + ` not everything was known to be on the edge\.`,
		counts: `3 running, 7 succeeded`, ratio: `70%`,
		dashboard: "/d/prefetch-task?var-account=vod&var-task=launch-stuck",
	}
}

// everything is all that is told in the whole test.
func everything() []expectation { return append(troubles(), refused(), missed()) }
