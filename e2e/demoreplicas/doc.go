// Command demoreplicas shows exporters that share one quota: three members of
// etcd and three exporters, against the vendors that `prefetch_exporter --demo`
// simulates, all on this machine. `make demo-replicas` in the repository's folder
// builds what it needs and runs it.
//
// It says what there is to kill, and starts again what was killed.
package main
