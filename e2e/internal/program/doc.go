// Package program runs one program again and again: it can be killed, stopped,
// woken and started with the same arguments, and ends with whoever runs it.
//
// It must not know what the program does, nor what it is run for: tests of
// replicas and the command of `make demo-replicas` share it.
package program
