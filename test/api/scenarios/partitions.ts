import { describeLogDirs } from "../../../src/protocol/messages/35-describe-log-dirs.ts";
import { createPartitions } from "../../../src/protocol/messages/37-create-partitions.ts";
import type { Input } from "../../../src/protocol/schema.ts";
import { type Scenario, versionsOf } from "../asker.ts";
import { append, makeTopic } from "./prepare.ts";

type Topic = Input<typeof createPartitions.request>["topics"][number];

const TIME = 1_700_000_000_000;
const timeoutMs = 5000;

export const createPartitionsScenario: Scenario = {
  name: "create-partitions",
  async run(asker) {
    await makeTopic(asker, "t");
    const ask = (version: number, topics: Topic[], label = "", validateOnly = false) =>
      asker.ask(createPartitions, version, { topics, timeoutMs, validateOnly }, label);
    for (const version of versionsOf(createPartitions)) {
      const count = version + 2;
      await ask(version, [more("t", count)], "checked", true);
      await ask(version, [more("t", count)]);
      await ask(version, [more("t", count)], "as it is");
      await ask(version, [more("t", 1)], "fewer");
      await ask(version, [more("absent", 3), more("", 3), more("not a name", 3)]);
      await ask(version, [more("t", count + 1), more("t", count + 2)], "twice");
      await ask(version, []);
    }
    await ask(3, [more("t", 0), more("absent", -1)]);
    await ask(3, [more("t", 7, [[1], [1]])], "assigned");
    for (const given of [[], [[1], [1]], [[7]], [[1, 1]], [[]]]) {
      await ask(3, [more("t", 8, given)], "an assignment");
    }
    await ask(3, [more("t", 9), more("absent", 9)], "some are wrong");
    const late = { topics: [more("t", 10)], timeoutMs: 0, validateOnly: false };
    await asker.ask(createPartitions, 3, late, "no time");
  },
};

function more(name: string, count: number, assignments: number[][] | null = null): Topic {
  return { name, count, assignments: assignments?.map((brokerIds) => ({ brokerIds })) ?? null };
}

export const describeLogDirsScenario: Scenario = {
  name: "describe-log-dirs",
  async run(asker) {
    await makeTopic(asker, "t", 2);
    await makeTopic(asker, "u", 1);
    await append(asker, "t", 1, { timestamps: [TIME] });
    const some = [
      { topic: "t", partitions: [1, 7] },
      { topic: "absent", partitions: [0] },
    ];
    for (const version of versionsOf(describeLogDirs)) {
      for (const topics of [null, [], some]) {
        await asker.ask(describeLogDirs, version, { topics }, "", (response) => {
          for (const result of response.results) {
            result.logDir = "a directory";
            result.totalBytes = Math.sign(result.totalBytes);
            result.usableBytes = Math.sign(result.usableBytes);
          }
        });
      }
    }
  },
};
