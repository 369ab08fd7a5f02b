// Package volcengine asks Volcengine CDN, and BytePlus CDN behind the same API, about
// prefetch tasks: POST DescribeContentTasks, version 2021-03-01
// (https://www.volcengine.com/docs/6454/70437 and
// https://docs.byteplus.com/en/docs/byteplus-cdn/reference-describecontenttasks).
//
// A row is one URL with its task's id, its status and the time of its creation; the
// vendor tells neither when it began nor when it ended. Questions are about one task or
// about a window of creation time, of one kind of task only, so that refreshes never
// mix in.
//
// It owns the vendor's wire form, its signature and what each error means. It must not
// know when or why it is called.
package volcengine
