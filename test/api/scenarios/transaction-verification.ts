/** KIP-890: what is written into a transaction is what its coordinator knows to be part of it. */
import { produce } from "../../../src/protocol/messages/00-produce.ts";
import { offsetFetch } from "../../../src/protocol/messages/09-offset-fetch.ts";
import { txnOffsetCommit } from "../../../src/protocol/messages/28-txn-offset-commit.ts";
import { describeProducers } from "../../../src/protocol/messages/61-describe-producers.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { awaitCoordinator } from "./groups.ts";
import { makeTopic } from "./prepare.ts";
import { type Producer, Transactions, later } from "./transactions.ts";

const TIME = 1_700_000_000_000;

interface Sent {
  readonly version?: number;
  readonly sequence?: number;
  readonly partitions?: readonly number[];
  readonly transactionalId?: string;
}

class Writers {
  constructor(
    readonly asker: Asker,
    readonly topicId: string,
  ) {}

  produce(label: string, { producerId, producerEpoch }: Producer, sent: Sent = {}) {
    const { version = 12, sequence = 0, partitions = [0], transactionalId = "x" } = sent;
    const partitionData = partitions.map((index) => ({
      index,
      records: buildBatch({
        records: [{ timestamp: TIME, key: null, value: Buffer.from("v") }],
        producerId,
        producerEpoch,
        baseSequence: sequence,
        isTransactional: true,
      }),
    }));
    const topic = version >= 13 ? { topicId: this.topicId } : { name: "t" };
    const topicData = [{ ...topic, partitionData }];
    const request = { transactionalId, acks: -1, timeoutMs: 5000, topicData };
    return this.asker.ask(produce, version, request, label);
  }

  commit(label: string, producer: Producer, version = 5, transactionalId = "x") {
    const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: "" }];
    const { producerId, producerEpoch } = producer;
    const topics = [{ name: "t", partitions }];
    const request = { transactionalId, groupId: "g", producerId, producerEpoch, topics };
    return this.asker.ask(txnOffsetCommit, version, request, label);
  }

  offsets(label: string) {
    const topics = [{ name: "t", partitionIndexes: [0] }];
    const groups = [{ groupId: "g", topics }];
    return this.asker.ask(offsetFetch, 9, { groups, requireStable: true }, label);
  }

  producers(label: string) {
    const request = { topics: [{ name: "t", partitionIndexes: [0, 1] }] };
    return this.asker.ask(describeProducers, 0, request, label, ({ topics }) => {
      for (const { partitions } of topics) {
        for (const { activeProducers } of partitions) {
          activeProducers.sort((left, right) => left.producerId - right.producerId);
          for (const each of activeProducers) {
            if (each.lastTimestamp > TIME) each.lastTimestamp = 1;
          }
        }
      }
    });
  }
}

export const transactionVerificationScenario: Scenario = {
  name: "transaction-verification",
  settings: {
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
    "producer.id.expiration.ms": "2000000000",
  },
  async run(asker) {
    const writers = new Writers(asker, await makeTopic(asker, "t", 3));
    await awaitCoordinator(asker);
    const transactions = new Transactions(asker);
    await transactions.awaitCoordinator("x");
    await writeUnknown(writers);
    await writeOld(writers, transactions);
    await writeNew(writers, transactions);
    await commitOffsets(writers, transactions);
  },
};

/** The coordinator has never heard of it. */
async function writeUnknown(writers: Writers): Promise<void> {
  const nobody = { producerId: 999_999, producerEpoch: 0 };
  for (const version of versionsOf(produce)) {
    await writers.produce("nobody", nobody, { version });
    await writers.produce("nobody, two", nobody, { version, partitions: [0, 1] });
    await writers.produce("nobody, not there", nobody, { version, partitions: [9] });
  }
  for (const version of versionsOf(txnOffsetCommit)) {
    await writers.commit("nobody", nobody, version);
  }
  await writers.commit("no id", nobody, 5, "");
  await writers.produce("no id", nobody, { transactionalId: "" });
  await writers.producers("nobody");
}

/** Partitions are added before they are written to. */
async function writeOld(writers: Writers, transactions: Transactions): Promise<void> {
  const producer = await transactions.ready("x");
  for (const version of [9, 11]) {
    await writers.produce("not added", producer, { version });
    await writers.commit("not added", producer, version === 9 ? 3 : 4);
  }
  await transactions.add("x", producer, [["t", [0]]]);
  await writers.produce("one is added", producer, { version: 11, partitions: [0, 1] });
  await writers.produce("added", producer, { version: 9, sequence: 1 });
  await writers.produce("a gap", producer, { version: 9, sequence: 7 });
  await writers.commit("not the group", producer, 4);
  await transactions.addOffsets("x", producer);
  await writers.commit("added", producer, 3);
  await writers.offsets("pending");
  await writers.produce("an epoch ahead", later(producer), { version: 11, partitions: [1] });
  await writers.produce("an epoch back", later(producer, -1), { version: 11 });
  const another = { ...producer, producerId: producer.producerId + 1000 };
  await writers.produce("another producer", another, { version: 11, partitions: [1] });
  const elsewhere = { version: 11, partitions: [1], transactionalId: "y" };
  await writers.produce("another id", producer, elsewhere);
  await transactions.end("x", producer, true, "", 4);
  await writers.offsets("committed");
  await writers.produce("ended", producer, { version: 9, sequence: 2 });
  await writers.produce("ended", producer, { version: 11, sequence: 2 });
  await writers.commit("ended", producer, 3);
  await writers.commit("ended", producer, 4);
  await writers.producers("old ones");
}

/** Partitions are added by whoever writes to them. */
async function writeNew(writers: Writers, transactions: Transactions): Promise<void> {
  let producer = await transactions.ready("x");
  for (const version of [12, 13]) {
    await writers.produce("not from the start", producer, { version, sequence: 3 });
    await writers.produce("begin", producer, { version });
    await writers.produce("go on", producer, { version, sequence: 1, partitions: [0] });
    await writers.produce("two at once", producer, { version, partitions: [1, 2] });
    await writers.produce("again", producer, { version, sequence: 1 });
    await transactions.describe("x");
    const answer = await transactions.end("x", producer, version === 12);
    const before = producer;
    producer = { producerId: answer!.producerId, producerEpoch: answer!.producerEpoch };
    await writers.produce("of the epoch before", before, { version, sequence: 2 });
    await writers.produce("elsewhere, of the epoch before", before, { version, partitions: [1] });
    await writers.produce("an epoch ahead", later(producer), { version, partitions: [2] });
    await transactions.describe("x");
    await writers.producers("new ones");
  }
  await writers.produce("of the first version", producer, { version: 9 });
  await writers.produce("begin", producer, { version: 12 });
  await writers.produce("of the first version", producer, { version: 9, sequence: 1 });
  await writers.produce("elsewhere", producer, { version: 9, partitions: [1] });
  await transactions.end("x", producer, true);
}

async function commitOffsets(writers: Writers, transactions: Transactions): Promise<void> {
  const producer = await transactions.ready("x");
  await writers.commit("begin", producer);
  await writers.commit("go on", producer);
  await transactions.describe("x");
  await writers.commit("an epoch back", later(producer, -1));
  await writers.commit("an epoch ahead", later(producer));
  const answer = await transactions.end("x", producer, true);
  await writers.offsets("committed");
  await writers.commit("of the epoch before", producer);
  const { producerId, producerEpoch } = answer!;
  await writers.commit("of this epoch, version 4", { producerId, producerEpoch }, 4);
  await writers.commit("of this epoch", { producerId, producerEpoch });
  await transactions.end("x", { producerId, producerEpoch }, false);
  await writers.offsets("aborted");
}
