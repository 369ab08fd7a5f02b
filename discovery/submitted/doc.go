// Package submitted holds the tasks that were put through the task API: durable
// before the answer, shown by the next scrape, within what an account can watch, and
// forgotten when their time has been over for a while.
//
// It must not know HTTP, nor how tasks are watched.
package submitted
