// Package status renders the pages for people: what is known of accounts and
// tasks, one task with its URLs, and the alerts' runbooks.
//
// It owns their addresses' parameters, order, words and looks. Pages are whole
// without scripts and load nothing; the one script adds the viewer's time zone.
// Their links are relative, so that they hold behind a proxy that cuts a prefix
// off as well. It must not know vendors, polling, or where its pages are served:
// it renders a snapshot. Users find the pages described in docs/status_page.md.
package status
