// Package freshness says how soon the metrics tell the truth: how long after a
// task truly settled it is known to be.
//
// It owns the scenarios, the strategies that the planner is compared with, the
// statistics, and the tables made of them. All of that is pure: the same seed
// gives the same figures. The planner itself is measured by this package's
// tests, which run the real poller and the real vendor clients against the
// simulated vendors in virtual time; `make freshness` prints the tables.
//
// The strategies here must not know the poller, nor share code with it: a
// mistake on one side would cancel out on the other. Every time is the time
// since the scenario began.
package freshness
