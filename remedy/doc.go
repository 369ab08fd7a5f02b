// Package remedy says what somebody who wrote something wrong probably meant: the
// nearest word that is known, and what makes a text no YAML.
//
// It owns guesses, and nothing of what is right: that is said by whoever reads
// configurations, lists of tasks, requests or the command line.
package remedy
