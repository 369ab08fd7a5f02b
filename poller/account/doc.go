// Package account watches the tasks of one account: a loop picks the most useful
// question that the budget allows, asks it, and applies the answer.
//
// It alone knows the rooms beside it. Each is called once and gives plain data back:
// dialect, what the vendor can be asked; planner, what to ask next about tasks;
// lookback, what else was created; choice, which of these goes first; quota, whether a
// call may leave; match, whose rows an answer shows; task, what that makes of a task;
// survival, how long URLs take. What is known is published as an immutable
// [prefetch.AccountState]; what must survive a restart is handed to a store as bytes.
// Where replicas share the store, an account that this one does not ask for follows
// what its owner stores.
//
// Words of its own:
//
//   - window: a question for all rows that were created between two times.
//   - scout: a window limited to rows that run. It proves nothing, and tells of many
//     tasks which have probably settled: these are asked next.
//   - look-back: how far back a vendor can be asked for windows.
//   - slot: the time between two calls when the whole quota is used evenly.
//   - worth: the lag, in minutes, that a question is expected to save (the index of
//     a restless bandit, after Whittle).
//   - hint: what a window showed of a task without proving it.
//   - claim: what is known of a task whose rows may be in an answer.
//   - ended: a task whose time is over by itself; unlisted: one whose source does
//     not list it any more. Both are remembered for a while.
package account
