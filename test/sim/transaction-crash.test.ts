/**
 * A producer's transactions over partitions and a group's offsets, and the machine dies at each step
 * of them: at every single operation on the disk, by a kill and by a loss of power.
 *
 *   T1  commit, acknowledged                    before
 *   T2  commit or abort                         ┐
 *   T3  begun, and left open                    ┘ death somewhere in here
 *
 * In the next life the producer asks again for the end of T2 that nobody answered, or another one
 * takes its place. Then: what was acknowledged is whole; what was not is whole or nothing; nothing
 * is open; and each partition has one marker for each transaction that touched it (see `#visible`
 * for the older generation).
 */
import { describe, expect, test } from "bun:test";
import { offsetFetch } from "../../src/protocol/messages/09-offset-fetch.ts";
import { endTxn } from "../../src/protocol/messages/26-end-txn.ts";
import { ErrorCode, isRetriable } from "../../src/protocol/error-code.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { makeTopic } from "../api/scenarios/prepare.ts";
import { readCommitted } from "./committed-values.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";
import { LOSSES, Mortal, settingsFor } from "./mortal.ts";
import { GROUP, TransactionalProducer } from "./transactional-producer.ts";

const SETTINGS = {
  "offsets.topic.num.partitions": "1",
  "transaction.state.log.num.partitions": "1",
  "log.index.interval.bytes": "512",
  "log.flush.offset.checkpoint.interval.ms": "20",
};
const ROUNDS_MAX = 400;
/** More than the transactions take. */
const OPERATIONS_MAX = 3_000;
const PARTITIONS = [
  { topic: "a", partition: 0 },
  { topic: "a", partition: 1 },
  { topic: "b", partition: 0 },
];

interface Plan {
  /** As a client of KIP-890 does, or of the version before. */
  readonly version: 0 | 2;
  readonly isCommit: boolean;
  /** Who comes behind the death: the same producer with the same request, or a new one. */
  readonly next: "asks again" | "new producer";
}

/** Each of the two generations, ended each way, and followed by each. */
const PLANS: Plan[] = [
  { version: 2, isCommit: true, next: "asks again" },
  { version: 2, isCommit: true, next: "new producer" },
  { version: 2, isCommit: false, next: "asks again" },
  { version: 0, isCommit: true, next: "asks again" },
  { version: 0, isCommit: false, next: "new producer" },
];

describe.each(Object.entries(LOSSES))("after %s", (loss, nextLife) => {
  test.each(PLANS)(
    "at any step of transactions: %o",
    (plan) => {
      const settings = settingsFor(loss, SETTINGS);
      const outcomes = { committed: 0, aborted: 0, unanswered: 0 };
      let count = 1;
      for (; count < OPERATIONS_MAX; count++) {
        const life = new Life(count, settings, plan, nextLife);
        if (!life.dieAt(count)) break;
        const wasAnswered = life.isAnswered;
        const isCommitted = life.recover();
        outcomes[isCommitted ? "committed" : "aborted"]++;
        if (!wasAnswered) outcomes.unanswered++;
      }
      expect(count).toBeGreaterThan(15);
      expect(count).toBeLessThan(OPERATIONS_MAX);
      expect(outcomes.unanswered).toBeGreaterThan(5);
      expect(outcomes[plan.isCommit ? "committed" : "aborted"]).toBeGreaterThan(5);
    },
    120_000,
  );
});

class Life {
  isAnswered = false;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #plan: Plan;
  readonly #machine: Mortal;
  #producer: TransactionalProducer | null = null;
  /** Its end was asked for. */
  #isAsked = false;

  constructor(
    seed: number,
    settings: Readonly<Record<string, string>>,
    plan: Plan,
    loss: (world: FakeWorld) => FakeWorld,
  ) {
    this.#machine = new Mortal(fakeWorld(seed), loss);
    this.#settings = settings;
    this.#plan = plan;
  }

  /** False when all was over before. */
  dieAt(operation: number): boolean {
    const broker = startBroker(this.#settings, this.#machine.world);
    broker.wait(makeTopic(broker.asker, "a", 2));
    broker.wait(makeTopic(broker.asker, "b", 1));
    const producer = new TransactionalProducer(broker.asker, "tx", this.#plan.version);
    this.#producer = producer;
    broker.wait(producer.init());
    broker.wait(this.#transaction("T1"));
    expect(broker.wait(producer.end(true))).toBe(ErrorCode.NONE);
    this.#machine.dieAt(operation);
    void this.#rest().catch(() => {});
    for (let round = 0; round < ROUNDS_MAX && this.#machine.next === null; round++) {
      this.#machine.world.clock.advance(1);
    }
    return this.#machine.next !== null;
  }

  /** Answers whether T2 is committed. */
  recover(): boolean {
    const { isCommit, next, version } = this.#plan;
    const broker = startBroker(this.#settings, this.#machine.next!);
    if (next === "asks again" && this.#isAsked && !this.isAnswered) {
      const error = this.#askAgain(broker);
      // It was never begun on the disk: the coordinator knows of no such transaction.
      expect<ErrorCode[]>([ErrorCode.NONE, ErrorCode.INVALID_TXN_STATE]).toContain(error);
      this.isAnswered = error === ErrorCode.NONE;
    }
    const other = new TransactionalProducer(broker.asker, "tx", version);
    broker.wait(other.init());
    const isCommitted = this.#verify(broker);
    if (this.isAnswered) expect(isCommitted).toBe(isCommit);
    broker.wait(other.produce("a", 0, "T4"));
    broker.wait(other.produce("b", 0, "T4"));
    expect(broker.wait(other.end(true))).toBe(ErrorCode.NONE);
    this.#verify(broker, ["T4"]);
    broker.stop();
    return isCommitted;
  }

  async #transaction(name: string): Promise<void> {
    const producer = this.#producer!;
    for (const { topic, partition } of PARTITIONS) {
      await producer.produce(topic, partition, name);
    }
    await producer.commitOffset("a", 0, Number(name.slice(1)));
    await producer.produce("a", 0, name);
  }

  async #rest(): Promise<void> {
    await this.#transaction("T2");
    this.#isAsked = true;
    const error = await this.#producer!.end(this.#plan.isCommit);
    expect(error).toBe(ErrorCode.NONE);
    this.isAnswered = true;
    await this.#producer!.produce("a", 0, "T3");
    await this.#producer!.produce("b", 0, "T3");
  }

  #askAgain(broker: TestBroker): ErrorCode {
    const { producerId, producerEpoch } = this.#producer!;
    const request = { transactionalId: "tx", producerId, producerEpoch };
    const committed = this.#plan.isCommit;
    const ask = () =>
      broker.asker.quietly(endTxn, this.#plan.version === 2 ? 5 : 4, { ...request, committed });
    let errorCode: number = ErrorCode.NONE;
    broker.wait(
      broker.asker.until(async () => {
        errorCode = (await ask()).errorCode;
        return !isRetriable(errorCode);
      }),
    );
    return errorCode as ErrorCode;
  }

  /** Answers whether T2 is committed. */
  #verify(broker: TestBroker, later: readonly string[] = []): boolean {
    const seen = PARTITIONS.map(({ topic, partition }) => this.#visible(broker, topic, partition));
    const isCommitted = seen[0]!.includes("T2");
    const wanted = (names: readonly string[]): string[] => [
      ...["T1", ...(isCommitted ? ["T2"] : [])].flatMap((name) => names.map(() => name)),
      ...later,
    ];
    expect(seen[0]).toEqual(wanted(["first", "second"]));
    expect(seen[1]).toEqual(wanted(["first"]).filter((name) => !later.includes(name)));
    expect(seen[2]).toEqual(wanted(["first"]));
    expect(this.#committedOffset(broker)).toBe(isCommitted ? 2 : 1);
    return isCommitted;
  }

  /** What read_committed shows; and the log behind it has each marker once, and nothing open. */
  #visible(broker: TestBroker, topic: string, partition: number): string[] {
    const { values, repeatedMarkers } = readCommitted(broker, topic, partition);
    // Where all transactions of a producer have one epoch, a coordinator that comes behind another
    // writes its own marker: it shuts out what the other may still have on its way.
    expect(repeatedMarkers.length).toBeLessThanOrEqual(this.#plan.version === 2 ? 0 : 1);
    return values;
  }

  #committedOffset(broker: TestBroker): number {
    const ask = () =>
      broker.asker.quietly(offsetFetch, 7, {
        groupId: GROUP,
        topics: [{ name: "a", partitionIndexes: [0] }],
        requireStable: true,
      });
    let committed = -1;
    broker.wait(
      broker.asker.until(async () => {
        const { errorCode, topics } = await ask();
        const found = topics[0]?.partitions[0];
        committed = found?.committedOffset ?? -1;
        return errorCode === ErrorCode.NONE && found?.errorCode === ErrorCode.NONE;
      }),
    );
    return committed;
  }
}
