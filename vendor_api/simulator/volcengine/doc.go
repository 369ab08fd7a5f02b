// Package volcengine is the simulated server of Volcengine CDN and BytePlus CDN: the
// action DescribeContentTasks, with the vendor's signature, its windows, its pages and
// its errors.
//
// It must not know the client that asks it: it is written from the vendor's pages.
package volcengine
