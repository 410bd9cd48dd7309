import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { offsetForLeaderEpoch } from "../../../src/protocol/messages/23-offset-for-leader-epoch.ts";
import { describeProducers } from "../../../src/protocol/messages/61-describe-producers.ts";
import { type Scenario, versionsOf } from "../asker.ts";
import { append, makeTopic } from "./prepare.ts";

const TIME = 1_700_000_000_000;
const NOT_TRANSACTIONAL = { transactionalId: null, transactionTimeoutMs: 60_000 };

export const producersScenario: Scenario = {
  name: "producers",
  settings: { "producer.id.expiration.ms": "2000000000" },
  async run(asker) {
    await asker.until(async () => {
      const { errorCode } = await asker.quietly(initProducerId, 5, NOT_TRANSACTIONAL);
      return errorCode === 0;
    });
    for (const version of versionsOf(initProducerId)) {
      await asker.ask(initProducerId, version, NOT_TRANSACTIONAL);
      await asker.ask(initProducerId, version, { ...NOT_TRANSACTIONAL, transactionalId: "" });
      if (version < 3) continue;
      for (const [producerId, producerEpoch] of PAIRS) {
        await asker.ask(initProducerId, version, {
          ...NOT_TRANSACTIONAL,
          producerId,
          producerEpoch,
        });
      }
    }
    await makeTopic(asker, "p", 2);
    const batch = { producerEpoch: 0, timestamps: [TIME, TIME + 1] };
    await append(asker, "p", 0, { ...batch, producerId: 0, baseSequence: 0 });
    await append(asker, "p", 0, { ...batch, producerId: 0, baseSequence: 2 });
    await append(asker, "p", 0, { ...batch, producerId: 1, baseSequence: 0 });
    await append(asker, "p", 0, { ...batch, producerId: 1, producerEpoch: 3, baseSequence: 0 });
    const topics = [
      { name: "p", partitionIndexes: [0, 1, 2, -1, 0] },
      { name: "absent", partitionIndexes: [0] },
      { name: "not a name", partitionIndexes: [0] },
      { name: "", partitionIndexes: [0] },
      { name: "p", partitionIndexes: [] },
    ];
    await asker.ask(describeProducers, 0, { topics });
    await asker.ask(describeProducers, 0, { topics: [] });
  },
};

const PAIRS: [id: number, epoch: number][] = [
  [0, 0],
  [0, -1],
  [-1, 0],
  [-2, -2],
];

export const leaderEpochsScenario: Scenario = {
  name: "leader-epochs",
  async run(asker) {
    await makeTopic(asker, "e", 2);
    await append(asker, "e", 0, { timestamps: [TIME, TIME + 1] });
    const query = (partition: number, leaderEpoch: number, currentLeaderEpoch = -1) => ({
      partition,
      leaderEpoch,
      currentLeaderEpoch,
    });
    for (const version of versionsOf(offsetForLeaderEpoch)) {
      for (const leaderEpoch of [-2, -1, 0, 1, 5]) {
        const partitions = [query(0, leaderEpoch), query(1, leaderEpoch)];
        await asker.ask(offsetForLeaderEpoch, version, { topics: [{ topic: "e", partitions }] });
      }
      await asker.ask(offsetForLeaderEpoch, version, {
        topics: [
          {
            topic: "e",
            partitions: [query(0, 0, 0), query(0, 0, 1), query(1, 0, -2), query(9, 0)],
          },
          { topic: "absent", partitions: [query(0, 0)] },
          { topic: "e", partitions: [query(1, 0)] },
        ],
      });
      await asker.ask(offsetForLeaderEpoch, version, { topics: [] });
    }
  },
};
