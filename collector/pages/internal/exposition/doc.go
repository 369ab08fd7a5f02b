// Package exposition encodes gauges piece by piece, so that a page can be put
// together from pieces that were encoded before.
//
// It owns how a page of each format is divided ([Format], [Family]), how a
// value that moves is put into a piece that does not ([Template]), and how lines
// that resemble each other are compressed at the speed of a copy ([Deflater]).
// Every byte of a sample but such a value comes out of the encoder of
// prometheus/common: what is known here of a format is where its pieces meet and
// where a value stands, which is measured by encoding, and how a value is written,
// which is compared with what the encoder wrote.
//
// It must not know tasks, accounts or HTTP.
package exposition
