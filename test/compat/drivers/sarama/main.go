// sarama: the shared scenarios as far as its clients can follow them.
package main

import (
	"os"
	"slices"
)

func main() {
	kit := newKit(os.Args[1])
	scenarios := []scenario{
		{"cluster", kit.cluster},
		{"topics-create", kit.topicsCreate},
		{"topics-errors", kit.topicsErrors},
		{"topics-delete", kit.topicsDelete},
		{"partitions-create", kit.partitionsCreate},
		{"configs-topic", kit.configsTopic},
		{"configs-broker", kit.configsBroker},
		{"delete-records", kit.deleteRecords},
		{"log-dirs", kit.logDirs},
		{"produce-consume", kit.produceConsume},
		{"codecs", kit.codecs},
		{"large-values", kit.largeValues},
		{"many-partitions", kit.manyPartitions},
		{"acks", kit.acks},
		{"idempotent", kit.idempotent},
		{"offsets", kit.offsets},
		{"fetch-from", kit.fetchFrom},
		{"out-of-range", kit.outOfRange},
		{"record-too-large", kit.recordTooLarge},
		{"unknown-topic", kit.unknownTopic},
		{"auto-create", kit.autoCreate},
		{"group-single", kit.groupSingle},
		{"group-two-members", kit.groupTwoMembers},
		{"group-cooperative", kit.groupCooperative},
		{"group-assignors", kit.groupAssignors},
		{"group-resume", kit.groupResume},
		{"group-static", kit.groupStatic},
		{"group-offsets", kit.groupOffsets},
		{"group-admin", kit.groupAdmin},
		{"txn-commit", kit.txnCommit},
		{"txn-offsets", kit.txnOffsets},
		{"txn-fencing", kit.txnFencing},
		{"txn-timeout", kit.txnTimeout},
	}
	if slices.Contains(os.Args, "leader-death") {
		// For clusters only, where somebody kills a node meanwhile.
		scenarios = append(scenarios, scenario{"leader-death", kit.leaderDeath})
	}
	runScenarios(scenarios, os.Args[2:])
}
