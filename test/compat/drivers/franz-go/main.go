// franz-go: the shared scenarios, many of them with the raw answers of the broker as outcome.
package main

import (
	"os"
	"slices"
)

func main() {
	kit := newKit(os.Args[1])
	scenarios := []scenario{
		{"api-versions", kit.apiVersions},
		{"cluster", kit.cluster},
		{"quorum", kit.quorum},
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
		{"old-versions", kit.oldVersions},
		{"large-values", kit.largeValues},
		{"many-partitions", kit.manyPartitions},
		{"acks", kit.acks},
		{"idempotent", kit.idempotent},
		{"offsets", kit.offsets},
		{"leader-epochs", kit.leaderEpochs},
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
		{"txn-abort", kit.txnAbort},
		{"txn-offsets", kit.txnOffsets},
		{"txn-fencing", kit.txnFencing},
		{"txn-timeout", kit.txnTimeout},
		{"txn-admin", kit.txnAdmin},
		{"txn-old-versions", kit.txnOldVersions},
		{"next-single", kit.nextSingle},
		{"next-two-members", kit.nextTwoMembers},
		{"next-static", kit.nextStatic},
		{"next-mixed", kit.nextMixed},
		{"next-raw", kit.nextRaw},
		{"share-implicit", kit.shareImplicit},
		{"share-explicit", kit.shareExplicit},
		{"share-record-limit", kit.shareRecordLimit},
		{"share-left-behind", kit.shareLeftBehind},
	}
	if slices.Contains(os.Args, "leader-death") {
		// For clusters only, where somebody kills a node meanwhile.
		scenarios = append(scenarios, scenario{"leader-death", kit.leaderDeath})
	}
	runScenarios(scenarios, os.Args[2:])
}
