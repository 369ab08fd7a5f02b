// Package tasklist reads tasks as users write them: in the configuration, in files
// and answers of HTTP sources, and in bodies of the task API. What a text may be is
// said here, and what a task may say in [prefetch.Task.Faults]: for all of them the
// same, in the same words.
//
// It must not know where a text came from, nor what becomes of the tasks.
package tasklist
