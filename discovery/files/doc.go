// Package files finds, reads and watches the files that patterns mean.
//
// It knows folders, links and the system's watches, and that a folder which cannot
// be listed hides its files and did not lose them. It must not know what is in the
// files, nor who wants it: it returns bytes, and says when to look again.
package files
