import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { deleteRecords } from "../../../src/protocol/messages/21-delete-records.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { type Scenario, versionsOf } from "../asker.ts";
import { append, makeTopic } from "./prepare.ts";

const TIME = 1_700_000_000_000;
const timeoutMs = 5000;

export const deleteRecordsScenario: Scenario = {
  name: "delete-records",
  settings: { "offsets.topic.num.partitions": "1" },
  async run(asker) {
    await makeTopic(asker, "d", 2);
    await makeTopic(asker, "compacted", 1, { "cleanup.policy": "compact" });
    await makeTopic(asker, "both", 1, { "cleanup.policy": "compact,delete" });
    for (let batch = 0; batch < 5; batch++) {
      await append(asker, "d", 0, { timestamps: [TIME, TIME + 1] });
      await append(asker, "compacted", 0, { timestamps: [TIME], key: "k" });
      await append(asker, "both", 0, { timestamps: [TIME], key: "k" });
    }
    const ask = (version: number, name: string, ...offsets: [index: number, offset: number][]) => {
      const partitions = offsets.map(([partitionIndex, offset]) => ({ partitionIndex, offset }));
      const request = { topics: [{ name, partitions }], timeoutMs };
      return asker.ask(deleteRecords, version, request, JSON.stringify([name, ...offsets]));
    };
    for (const version of versionsOf(deleteRecords)) {
      await ask(version, "d", [0, version + 1], [1, 0], [2, 0]);
      await ask(version, "d", [0, 0]);
      await ask(version, "d", [0, 11], [1, 1]);
      await ask(version, "d", [0, -2], [1, -1]);
      await ask(version, "absent", [0, 0]);
      await ask(version, "compacted", [0, 1]);
      await ask(version, "both", [0, 1]);
    }
    await ask(2, "d", [0, 4], [0, 5]);
    await ask(2, "d", [0, 6], [0, 4]);
    await ask(2, "d", [0, 10]);
    await ask(2, "d", [0, -1]);
    await ask(2, "d");
    await ask(2, "compacted", [1, 0]);
    await ask(2, "__cluster_metadata", [0, 0]);
    await asker.quietly(findCoordinator, 6, { coordinatorKeys: ["g"] });
    await asker.until(async () => {
      const { topics } = await asker.quietly(metadata, 12, {
        topics: [{ name: "__consumer_offsets" }],
      });
      return topics[0]!.partitions.length > 0;
    });
    await ask(2, "__consumer_offsets", [0, 0], [7, 0]);
  },
};
