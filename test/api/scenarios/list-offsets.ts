import { listOffsets } from "../../../src/protocol/messages/02-list-offsets.ts";
import { deleteRecords } from "../../../src/protocol/messages/21-delete-records.ts";
import { CompressionType } from "../../../src/protocol/compression.ts";
import { type Scenario, versionsOf } from "../asker.ts";
import { append, makeTopic } from "./prepare.ts";

const TIME = 1_700_000_000_000;
const SPECIAL = [-1, -2, -3, -4, -5, -6, -7, -(2 ** 63)];
const CONSUMER = -1;
const DEBUGGER = -2;
const FOLLOWER = 5;

export const listOffsetsScenario: Scenario = {
  name: "list-offsets",
  settings: { "log.retention.ms": "-1" },
  async run(asker) {
    await makeTopic(asker, "o", 3, { "segment.bytes": "1048576" });
    await append(asker, "o", 0, { timestamps: [TIME, TIME + 5, TIME + 3] });
    await append(asker, "o", 0, { timestamps: [TIME + 4], compression: CompressionType.GZIP });
    await append(asker, "o", 0, {
      timestamps: [TIME + 1, TIME + 9, TIME + 9, TIME + 6],
      compression: CompressionType.LZ4,
    });
    await append(asker, "o", 0, { timestamps: [TIME + 7, TIME + 9] });
    await append(asker, "o", 1, { timestamps: [TIME, TIME + 1, TIME + 2, TIME + 3] });
    const query = (partitionIndex: number, timestamp: number, currentLeaderEpoch = -1) => ({
      partitionIndex,
      timestamp,
      currentLeaderEpoch,
    });
    const ask = (
      version: number,
      partitions: ReturnType<typeof query>[],
      label = "",
      replicaId = CONSUMER,
      isolationLevel = 0,
    ) =>
      asker.ask(
        listOffsets,
        version,
        {
          replicaId,
          ...(version >= 2 ? { isolationLevel } : {}),
          topics: [{ name: "o", partitions }],
        },
        label,
      );
    for (const version of versionsOf(listOffsets)) {
      for (const timestamp of SPECIAL) {
        await ask(version, [query(0, timestamp), query(2, timestamp)], `special ${timestamp}`);
      }
    }
    for (let later = -1; later <= 10; later++) {
      await ask(11, [query(0, TIME + later), query(1, TIME + later), query(2, TIME + later)]);
    }
    for (const version of [1, 3, 4]) await ask(version, [query(0, TIME + 4)], "by time");
    for (const isolation of [0, 1, 2]) {
      await ask(11, [query(0, -1)], `isolation level ${isolation}`, CONSUMER, isolation);
    }
    for (const replicaId of [DEBUGGER, FOLLOWER]) {
      await ask(11, [query(0, -1), query(0 + 1, -3)], `replica ${replicaId}`, replicaId);
    }
    await ask(11, [query(0, -1, 0), query(1, -1, 1)], "leader epochs");
    await ask(11, [query(0, -2, 7)], "epoch ahead");
    await ask(11, [query(0, -1), query(0, -2), query(1, -1)], "the same partition twice");
    await ask(11, [query(9, -1), query(-1, -1)], "no such partition");
    await asker.ask(listOffsets, 11, {
      replicaId: CONSUMER,
      isolationLevel: 0,
      topics: [
        { name: "absent", partitions: [query(0, -1)] },
        { name: "", partitions: [query(0, -1)] },
        { name: "o", partitions: [] },
        { name: "o", partitions: [query(1, -1)] },
      ],
    });
    await asker.ask(listOffsets, 11, { replicaId: CONSUMER, isolationLevel: 0, topics: [] });
    await asker.quietly(deleteRecords, 2, {
      topics: [{ name: "o", partitions: [{ partitionIndex: 1, offset: 2 }] }],
      timeoutMs: 5000,
    });
    for (const timestamp of [...SPECIAL, TIME, TIME + 1, TIME + 2]) {
      await ask(11, [query(1, timestamp)], "after records were deleted");
    }
    await asker.quietly(deleteRecords, 2, {
      topics: [{ name: "o", partitions: [{ partitionIndex: 1, offset: -1 }] }],
      timeoutMs: 5000,
    });
    for (const timestamp of [...SPECIAL, TIME + 2]) {
      await ask(11, [query(1, timestamp)], "after all records were deleted");
    }
  },
};
