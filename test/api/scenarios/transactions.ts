/** Transactions as their coordinator knows them: what producers and tools ask, and the answers. */
import { metadata } from "../../../src/protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../../src/protocol/messages/10-find-coordinator.ts";
import { initProducerId } from "../../../src/protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../../src/protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../../src/protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../../../src/protocol/messages/26-end-txn.ts";
import { describeConfigs } from "../../../src/protocol/messages/32-describe-configs.ts";
import { updateFeatures } from "../../../src/protocol/messages/57-update-features.ts";
import { describeTransactions } from "../../../src/protocol/messages/65-describe-transactions.ts";
import { listTransactions } from "../../../src/protocol/messages/66-list-transactions.ts";
import { type Asker, type Scenario, versionsOf } from "../asker.ts";
import { makeTopic } from "./prepare.ts";

const TRANSACTION = 1;
const NONE = -1;
const CONCURRENT_TRANSACTIONS = 51;
const UNSAFE_DOWNGRADE = 3;
const BROKER_VERSION = 4;

export interface Producer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

type Topics = readonly (readonly [name: string, partitions: readonly number[]])[];

export class Transactions {
  constructor(readonly asker: Asker) {}

  /** Asks for the coordinator until it is there and knows the id; nothing of it is remembered. */
  async awaitCoordinator(transactionalId: string): Promise<void> {
    const { asker } = this;
    await asker.until(async () => {
      const request = { keyType: TRANSACTION, coordinatorKeys: [transactionalId] };
      const { coordinators } = await asker.quietly(findCoordinator, 6, request);
      return coordinators[0]!.errorCode === 0;
    });
    await asker.until(async () => {
      const request = { transactionalId: null, transactionTimeoutMs: 1 };
      return (await asker.quietly(initProducerId, 5, request)).errorCode === 0;
    });
    await asker.until(async () => {
      const { transactionStates } = await asker.quietly(describeTransactions, 0, {
        transactionalIds: ["a", "b", "c", "d", "e", transactionalId],
      });
      return transactionStates.every(({ errorCode }) => errorCode !== 14 && errorCode !== 16);
    });
  }

  init(
    transactionalId: string,
    label = "",
    version = 5,
    given: Partial<Producer> = {},
    transactionTimeoutMs = 60_000,
  ) {
    const request = { transactionalId, transactionTimeoutMs, ...given };
    return this.asker.ask(initProducerId, version, request, label);
  }

  /** A producer that is ready, whatever was before; not remembered. */
  async ready(transactionalId: string): Promise<Producer> {
    let producer: Producer = { producerId: NONE, producerEpoch: NONE };
    await this.asker.until(async () => {
      const request = { transactionalId, transactionTimeoutMs: 60_000 };
      const answer = await this.asker.quietly(initProducerId, 5, request);
      producer = answer;
      return answer.errorCode === 0;
    });
    return { producerId: producer.producerId, producerEpoch: producer.producerEpoch };
  }

  /** Waits until nothing is on its way. */
  async settled(transactionalId: string): Promise<void> {
    await this.asker.until(async () => {
      const { transactionStates } = await this.asker.quietly(describeTransactions, 0, {
        transactionalIds: [transactionalId],
      });
      return !transactionStates[0]!.transactionState.startsWith("Prepare");
    });
  }

  add(transactionalId: string, producer: Producer, topics: Topics, label = "", version = 3) {
    const named = topics.map(([name, partitions]) => ({ name, partitions: [...partitions] }));
    const { producerId, producerEpoch } = producer;
    const request =
      version < BROKER_VERSION
        ? {
            v3AndBelowTransactionalId: transactionalId,
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: named,
          }
        : { transactions: [{ transactionalId, producerId, producerEpoch, topics: named }] };
    return this.asker.ask(addPartitionsToTxn, version, request, label);
  }

  addOffsets(transactionalId: string, producer: Producer, label = "", version = 4, groupId = "g") {
    const request = { transactionalId, ...producer, groupId };
    return this.asker.ask(addOffsetsToTxn, version, request, label);
  }

  async end(
    transactionalId: string,
    producer: Producer,
    committed: boolean,
    label = "",
    version = 5,
  ) {
    const request = { transactionalId, ...producer, committed };
    const answer = await this.asker.ask(endTxn, version, request, label);
    await this.settled(transactionalId);
    return answer;
  }

  describe(...transactionalIds: string[]) {
    return this.asker.ask(describeTransactions, 0, { transactionalIds }, "", (response) => {
      for (const state of response.transactionStates) {
        if (state.transactionStartTimeMs > 0) state.transactionStartTimeMs = 1;
      }
    });
  }

  list(label: string, request: object, version = 2) {
    const whole = { stateFilters: [], producerIdFilters: [], ...request };
    return this.asker.ask(listTransactions, version, whole, label, (response) => {
      response.unknownStateFilters.sort();
    });
  }
}

const T: Topics = [["t", [0, 1]]];
const NOBODY: Producer = { producerId: 999_999, producerEpoch: 0 };

/** The same producer so many epochs later. */
export function later({ producerId, producerEpoch }: Producer, by = 1): Producer {
  return { producerId, producerEpoch: producerEpoch + by };
}

export const transactionsScenario: Scenario = {
  name: "transactions",
  settings: {
    "transaction.state.log.num.partitions": "5",
    "transaction.state.log.segment.bytes": "1048576",
    "offsets.topic.num.partitions": "3",
    "transaction.max.timeout.ms": "600000",
  },
  async run(asker) {
    const transactions = new Transactions(asker);
    await makeTopic(asker, "t", 3);
    await makeTopic(asker, "u", 1);
    await askWithoutCoordinator(transactions);
    await findCoordinators(transactions);
    await initialize(transactions);
    await addAsClient(transactions);
    await endAsOldClient(transactions);
    await askAsBroker(transactions);
    await endWithBump(transactions);
    await fence(transactions);
    await useTools(transactions);
  },
};

/** Nobody has asked for it yet, so there is none. */
async function askWithoutCoordinator(transactions: Transactions): Promise<void> {
  await transactions.init("a", "no coordinator");
  await transactions.add("a", NOBODY, T, "no coordinator");
  await transactions.addOffsets("a", NOBODY, "no coordinator");
  await transactions.asker.ask(endTxn, 5, { transactionalId: "a", ...NOBODY, committed: true });
  await transactions.describe("a", "");
  await transactions.list("no coordinator", {});
}

async function findCoordinators(transactions: Transactions): Promise<void> {
  const { asker } = transactions;
  const first = { keyType: TRANSACTION, coordinatorKeys: ["a"] };
  await asker.ask(findCoordinator, 6, first, "first of all");
  await transactions.awaitCoordinator("a");
  for (const version of versionsOf(findCoordinator)) {
    if (version < 1) continue;
    for (const key of ["a", ""]) {
      const request = version < 4 ? { key } : { coordinatorKeys: [key] };
      await asker.ask(findCoordinator, version, { ...request, keyType: TRANSACTION }, `"${key}"`);
    }
  }
  const many = { keyType: TRANSACTION, coordinatorKeys: ["a", "b", "a", ""] };
  await asker.ask(findCoordinator, 5, many);
  await asker.ask(metadata, 12, { topics: [{ name: "__transaction_state" }] });
  const configurationKeys = [
    "cleanup.policy",
    "compression.type",
    "min.insync.replicas",
    "segment.bytes",
    "unclean.leader.election.enable",
  ];
  const resources = [{ resourceType: 2, resourceName: "__transaction_state", configurationKeys }];
  await asker.ask(describeConfigs, 4, { resources });
}

async function initialize(transactions: Transactions): Promise<void> {
  for (const version of versionsOf(initProducerId)) {
    const id = `init-${version}`;
    for (const timeoutMs of [0, -1, 600_001, -2_147_483_648, 600_000, 1]) {
      await transactions.init(id, `timeout ${timeoutMs}`, version, {}, timeoutMs);
    }
    const newest = await transactions.init(id, "again", version);
    if (version < 3 || newest === null) continue;
    const { producerId, producerEpoch } = newest;
    const given: [label: string, producerId: number, producerEpoch: number][] = [
      ["the newest", producerId, producerEpoch],
      ["the newest, asked again", producerId, producerEpoch],
      ["an older epoch", producerId, 0],
      ["a later epoch", producerId, 99],
      ["a negative epoch", producerId, -2],
      ["no epoch", producerId, -1],
      ["no id", -1, 0],
      ["another id", 999_999, producerEpoch + 1],
      ["a negative id", -2, producerEpoch + 1],
      ["the newest again", producerId, producerEpoch + 1],
    ];
    for (const [label, id_, epoch] of given) {
      const producer = { producerId: id_, producerEpoch: epoch };
      await transactions.init(id, label, version, producer);
    }
  }
  await transactions.init("given", "an id of nobody", 5, { producerId: 7, producerEpoch: 3 });
  await transactions.init("", "empty");
}

async function addAsClient(transactions: Transactions): Promise<void> {
  for (const version of [0, 1, 2, 3]) {
    const id = `add-${version}`;
    const producer = await transactions.ready(id);
    const { producerId, producerEpoch } = producer;
    const requests: [label: string, id: string, producer: Producer, topics: Topics][] = [
      ["an unknown id", "nobody", producer, T],
      ["an empty id", "", producer, T],
      ["another producer", id, { producerId: producerId + 77, producerEpoch }, T],
      ["a later epoch", id, later(producer), T],
      ["an older epoch", id, later(producer, -1), T],
      ["an unknown topic", id, producer, [["absent", [0]], ...T]],
      ["an unknown partition", id, producer, [["t", [0, 9, -1]]]],
      ["Kafka's own topic", id, producer, [["__transaction_state", [0]], ...T]],
      ["a topic without a name", id, producer, [["", [0]]]],
      ["two of them", id, producer, T],
      ["the same again", id, producer, T],
      ["one more", id, producer, [["t", [2]]]],
      ["another topic", id, producer, [["u", [0]]]],
      ["no topics", id, producer, []],
      ["no partitions", id, producer, [["t", []]]],
      ["an open transaction, with an older epoch", id, later(producer, -1), T],
    ];
    for (const [label, transactionalId, from, topics] of requests) {
      await transactions.add(transactionalId, from, topics, label, version);
    }
    await transactions.describe(id);
    await transactions.ready(id);
  }
  await transactions.add("empty", await transactions.ready("empty"), [], "nothing at first");
  await transactions.describe("empty");
  for (const version of versionsOf(addOffsetsToTxn)) {
    const id = `offsets-${version}`;
    const producer = await transactions.ready(id);
    await transactions.addOffsets("nobody", producer, "an unknown id", version);
    await transactions.addOffsets("", producer, "an empty id", version);
    await transactions.addOffsets(id, later(producer), "a later epoch", version);
    await transactions.addOffsets(id, NOBODY, "another producer", version);
    await transactions.addOffsets(id, producer, "", version);
    await transactions.addOffsets(id, producer, "again", version);
    await transactions.addOffsets(id, producer, "an empty group", version, "");
    await transactions.describe(id);
  }
}

async function endAsOldClient(transactions: Transactions): Promise<void> {
  for (const version of [0, 1, 2, 3, 4]) {
    for (const isCommit of [true, false]) {
      const id = `end-${version}-${isCommit}`;
      const producer = await transactions.ready(id);
      const end = (label: string, from: Producer, committed: boolean, whose = id) =>
        transactions.end(whose, from, committed, label, version);
      await end("nothing to commit", producer, true);
      await end("nothing to abort", producer, false);
      await end("an unknown id", producer, isCommit, "nobody");
      await end("an empty id", producer, isCommit, "");
      await transactions.add(id, producer, T, "begin");
      await end("a later epoch", later(producer), isCommit);
      await end("an older epoch", later(producer, -1), isCommit);
      await end("another producer", NOBODY, isCommit);
      await end("the end", producer, isCommit);
      await end("again", producer, isCommit);
      await end("the other way", producer, !isCommit);
      await end("again, with a later epoch", later(producer), isCommit);
      await transactions.describe(id);
      await transactions.add(id, producer, T, "begin again");
      await end("the end again", producer, !isCommit);
      await transactions.describe(id);
    }
  }
}

async function askAsBroker(transactions: Transactions): Promise<void> {
  const { asker } = transactions;
  for (const version of [4, 5]) {
    const [one, two] = [`broker-${version}-one`, `broker-${version}-two`];
    const first = await transactions.ready(one);
    const second = await transactions.ready(two);
    const ask = (
      label: string,
      ...list: [id: string, producer: Producer, topics: Topics, verifyOnly: boolean][]
    ) =>
      asker.ask(
        addPartitionsToTxn,
        version,
        {
          transactions: list.map(([transactionalId, producer, topics, verifyOnly]) => ({
            transactionalId,
            ...producer,
            verifyOnly,
            topics: topics.map(([name, partitions]) => ({ name, partitions: [...partitions] })),
          })),
        },
        label,
      );
    await ask("to verify what is not there", [one, first, T, true], ["nobody", first, T, true]);
    await ask("to add to both", [one, first, T, false], [two, second, [["u", [0]]], false]);
    await ask("to verify both", [one, first, T, true], [two, second, [["u", [0]], ...T], true]);
    await ask("to verify for others", [one, later(first), T, true], [two, NOBODY, T, true]);
    await ask("to add for others", [one, later(first), T, false], [two, NOBODY, T, false]);
    await ask("an empty id", ["", first, T, true]);
    await ask("an empty id to add", ["", first, T, false]);
    await ask("an unknown topic", [one, first, [["absent", [0]], ...T], false]);
    await ask("an unknown topic to verify", [one, first, [["absent", [0]], ...T], true]);
    await ask("Kafka's own topic", [two, second, [["__consumer_offsets", [0]]], false]);
    await ask("no topics", [one, first, [], true], [two, second, [], false]);
    await transactions.describe(one, two);
    for (const [id, producer] of [
      [one, first],
      [two, second],
    ] as const) {
      await transactions.end(id, producer, true);
    }
    await ask("to verify when it has ended", [one, first, T, true], [two, later(second), T, true]);
  }
}

async function endWithBump(transactions: Transactions): Promise<void> {
  for (const isCommit of [true, false]) {
    const id = `bump-${isCommit}`;
    let producer = await transactions.ready(id);
    const end = (label: string, from: Producer, committed: boolean) =>
      transactions.end(id, from, committed, label);
    await end("nothing to commit", producer, true);
    await end("nothing, an older epoch", later(producer, -1), false);
    await end("nothing to abort", producer, false);
    producer = later(producer);
    await end("nothing to abort, again", later(producer, -1), false);
    await end("nothing to commit, again", later(producer, -1), true);
    await transactions.add(id, producer, T, "begin", 4);
    await transactions.describe(id);
    await end("a later epoch", later(producer), isCommit);
    await end("an older epoch", later(producer, -1), isCommit);
    await end("another producer", NOBODY, isCommit);
    await end("the end", producer, isCommit);
    await end("again", producer, isCommit);
    await end("again, the other way", producer, !isCommit);
    producer = later(producer);
    await end("with the new epoch, a commit", producer, true);
    await end("with a later epoch", later(producer), isCommit);
    await end("with an epoch long gone", later(producer, -2), isCommit);
    await transactions.describe(id);
    await end("with the new epoch, an abort", producer, false);
    await transactions.describe(id);
    await transactions.init(id, "begins anew");
  }
}

async function fence(transactions: Transactions): Promise<void> {
  for (const [version, addVersion] of [
    [2, 3],
    [4, 3],
    [5, 4],
  ] as const) {
    const id = `fence-${version}`;
    const old = await transactions.ready(id);
    await transactions.add(id, old, T, "begin", addVersion);
    await transactions.init(id, "another begins", version);
    await transactions.settled(id);
    await transactions.describe(id);
    await transactions.init(id, "asks again", version);
    await transactions.add(id, old, T, "the old one goes on", addVersion);
    await transactions.end(id, old, true, "the old one ends", version);
    if (version < 3) continue;
    await transactions.init(id, "the old one recovers", version, old);
    const next = await transactions.ready(id);
    await transactions.add(id, next, T, "begin again", addVersion);
    await transactions.init(id, "with what it had", version, next);
    await transactions.settled(id);
    await transactions.init(id, "with what it had, again", version, next);
  }
}

async function useTools(transactions: Transactions): Promise<void> {
  const open = await transactions.ready("tool-open");
  await transactions.add("tool-open", open, [["u", [0]], ...T], "for tools");
  const done = await transactions.ready("tool-done");
  await transactions.add("tool-done", done, T, "for tools", 4);
  await transactions.end("tool-done", done, true);
  await transactions.ready("tool-empty");
  await transactions.describe("tool-open", "tool-done", "tool-empty", "nobody", "", "tool-open");
  await transactions.describe();
  const tools = { transactionalIdPattern: "tool-.*" };
  for (const version of [0, 1, 2]) await transactions.list("all", {}, version);
  await transactions.list("by state", { stateFilters: ["Ongoing"] }, 0);
  await transactions.list("by states", { ...tools, stateFilters: ["Ongoing", "Empty", "no"] });
  await transactions.list("by an unknown state", { stateFilters: ["ongoing", "x", "x"] });
  await transactions.list("by states of no id", { stateFilters: ["Dead", "PrepareEpochFence"] });
  await transactions.list("by producer", { producerIdFilters: [open.producerId, -1] });
  await transactions.list("by a negative duration", { ...tools, durationFilter: -2 });
  await transactions.list("by a long duration", { ...tools, durationFilter: 3_600_000 });
  await transactions.list("by an endless duration", { ...tools, durationFilter: 2 ** 52 });
  for (const transactionalIdPattern of ["", "tool", "tool-(open|done)", "[", "(?=a)", "(a|a)*b"]) {
    await transactions.list("by pattern", { transactionalIdPattern });
  }
}

export const oldTransactionsScenario: Scenario = {
  name: "transactions-old",
  settings: { "transaction.state.log.num.partitions": "1" },
  async run(asker) {
    const transactions = new Transactions(asker);
    await makeTopic(asker, "t", 2);
    await transactions.awaitCoordinator("a");
    for (const level of [1, 0]) {
      await asker.ask(updateFeatures, 2, {
        featureUpdates: [
          {
            feature: "transaction.version",
            maxVersionLevel: level,
            upgradeType: UNSAFE_DOWNGRADE,
          },
        ],
      });
      const id = `old-${level}`;
      const old = await transactions.ready(id);
      await transactions.add(id, old, T);
      await transactions.end(id, old, true, "", 4);
      await transactions.add(id, old, T, "begin again");
      const { errorCode } = (await transactions.init(id, "another begins"))!;
      if (errorCode !== CONCURRENT_TRANSACTIONS) throw new Error(`${errorCode}`);
      await transactions.settled(id);
      await transactions.describe(id);
      const next = (await transactions.init(id, "asks again"))!;
      await transactions.end(id, next, false, "nothing to abort", 4);
      await transactions.end(id, next, false, "nothing to abort, with a raised epoch", 5);
      await transactions.describe(id);
    }
  },
};

/** KIP-939, as far as Kafka 4.3 goes with it. */
function twoPhaseScenario(name: string, isEnabled: boolean): Scenario {
  return {
    name,
    settings: {
      "transaction.state.log.num.partitions": "1",
      "unstable.api.versions.enable": "true",
      "transaction.two.phase.commit.enable": String(isEnabled),
    },
    async run(asker) {
      const transactions = new Transactions(asker);
      await makeTopic(asker, "t", 2);
      await transactions.awaitCoordinator("a");
      for (const enable2Pc of [false, true]) {
        for (const keepPreparedTxn of [false, true]) {
          for (const transactionalId of ["a", "", null]) {
            for (const transactionTimeoutMs of [60_000, -1]) {
              const flags = { enable2Pc, keepPreparedTxn };
              const request = { transactionalId, transactionTimeoutMs, ...flags };
              await asker.ask(initProducerId, 6, request);
            }
          }
        }
      }
      await transactions.describe("a");
    },
  };
}

export const onePhaseScenario = twoPhaseScenario("transactions-one-phase", false);
export const twoPhasesScenario = twoPhaseScenario("transactions-two-phases", true);
