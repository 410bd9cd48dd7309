/**
 * Members of a share group at work, and the machine dies at each step of it: at every single
 * operation on the disk, by a kill and by a loss of power.
 *
 * In the next life another member takes all that it can get. Then: no record comes again whose
 * acknowledgement was answered; every record comes of which none was sent; and what was sent and
 * not answered comes or does not.
 */
import { describe, expect, test } from "bun:test";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { append, makeTopic } from "../api/scenarios/prepare.ts";
import {
  ACCEPT,
  earliestGroup,
  Member,
  of,
  REJECT,
  RELEASE,
  share,
} from "../api/scenarios/share-member.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";
import { LOSSES, Mortal, settingsFor } from "./mortal.ts";

const SETTINGS = {
  "share.coordinator.state.topic.num.partitions": "1",
  // Snapshots between the updates, too.
  "share.coordinator.snapshot.update.records.per.snapshot": "3",
  "log.flush.offset.checkpoint.interval.ms": "20",
};
const GROUP = "sharers";
const TOPIC = "shared";
const BATCHES = 4;
const BATCH_SIZE = 5;
const RECORDS = BATCHES * BATCH_SIZE;
const ROUNDS_MAX = 400;
/** More than the members' work takes. */
const OPERATIONS_MAX = 600;

describe.each(Object.entries(LOSSES))("after %s", (loss, nextLife) => {
  test("at any step of a share group's work", () => {
    const settings = settingsFor(loss, SETTINGS);
    const counts = { answered: 0, unanswered: 0, again: 0 };
    let operation = 1;
    for (; operation < OPERATIONS_MAX; operation++) {
      const life = new Life(operation, settings, nextLife);
      if (!life.dieAt(operation)) break;
      life.recover();
      counts.answered += life.answered.size;
      counts.unanswered += life.sent.size - life.answered.size;
      counts.again += life.delivered.size;
    }
    expect(operation).toBeGreaterThan(10);
    expect(operation).toBeLessThan(OPERATIONS_MAX);
    expect(counts.answered).toBeGreaterThan(operation);
    expect(counts.unanswered).toBeGreaterThan(10);
    expect(counts.again).toBeGreaterThan(operation);
  }, 120_000);
});

class Life {
  /** Acknowledgements that end a record: sent, and answered. */
  readonly sent = new Set<number>();
  readonly answered = new Set<number>();
  /** In the next life. */
  readonly delivered = new Set<number>();
  readonly #settings: Readonly<Record<string, string>>;
  readonly #machine: Mortal;
  #topicId = "";

  constructor(
    seed: number,
    settings: Readonly<Record<string, string>>,
    loss: (world: FakeWorld) => FakeWorld,
  ) {
    this.#settings = settings;
    this.#machine = new Mortal(fakeWorld(seed), loss);
  }

  /** False when all was over before. */
  dieAt(operation: number): boolean {
    const broker = startBroker(this.#settings, this.#machine.world);
    broker.wait(this.#prepare(broker));
    this.#machine.dieAt(operation);
    let isOver = false;
    void this.#work(broker)
      .then(() => (isOver = true))
      .catch(() => {});
    for (let round = 0; round < ROUNDS_MAX && this.#machine.next === null && !isOver; round++) {
      this.#machine.world.clock.advance(1);
    }
    return this.#machine.next !== null;
  }

  recover(): void {
    const broker = startBroker(this.#settings, this.#machine.next!);
    broker.wait(this.#takeAll(broker));
    broker.stop();
    for (let offset = 0; offset < RECORDS; offset++) {
      if (this.answered.has(offset))
        expect([offset, this.delivered.has(offset)]).toEqual([offset, false]);
      if (!this.sent.has(offset))
        expect([offset, this.delivered.has(offset)]).toEqual([offset, true]);
    }
  }

  async #prepare({ asker }: TestBroker): Promise<void> {
    await earliestGroup(asker, GROUP);
    this.#topicId = await makeTopic(asker, TOPIC);
    await share(asker, GROUP, this.#topicId);
    for (let batch = 0; batch < BATCHES; batch++) {
      const timestamps = Array.from({ length: BATCH_SIZE }, (_, index) => index);
      await append(asker, TOPIC, 0, { timestamps });
    }
  }

  /** Two members: one accepts and gives back in turn, the other acknowledges on the way. */
  async #work({ asker }: TestBroker): Promise<void> {
    const first = new Member(asker, GROUP, "first");
    const second = new Member(asker, GROUP, "second");
    const topic = of(this.#topicId);
    await first.fetchQuietly(topic, { maxRecords: BATCH_SIZE });
    await second.fetchQuietly(topic, { maxRecords: BATCH_SIZE });
    await this.#end(first, [0, 1]);
    await first.acknowledge("given back", of(this.#topicId, 0, [2, 3, RELEASE]));
    await this.#endOnTheWay(second, 5, 9);
    await this.#end(first, [4, 4]);
    await first.fetchQuietly([], { maxRecords: BATCH_SIZE, maxWaitMs: 0 });
    await this.#endOnTheWay(second, 10, 14);
    await first.acknowledge("leaves", [], { shareSessionEpoch: -1 });
  }

  async #end(member: Member, [first, last]: readonly [number, number]): Promise<void> {
    this.#mark(this.sent, first, last);
    const answer = await member.acknowledge(
      "accepted",
      of(this.#topicId, 0, [first, last, ACCEPT]),
    );
    if (answer?.responses[0]?.partitions[0]?.errorCode === 0) {
      this.#mark(this.answered, first, last);
    }
  }

  async #endOnTheWay(member: Member, first: number, last: number): Promise<void> {
    this.#mark(this.sent, first, last);
    const topics = of(this.#topicId, 0, [first, last, REJECT]);
    const answer = await member.fetchQuietly(topics, { maxRecords: BATCH_SIZE, maxWaitMs: 0 });
    const partition = answer.responses[0]?.partitions[0];
    if (partition?.acknowledgeErrorCode === 0) this.#mark(this.answered, first, last);
  }

  async #takeAll({ asker }: TestBroker): Promise<void> {
    const member = new Member(asker, GROUP, "third");
    const topic = of(this.#topicId);
    for (let quiet = 0; quiet < 3;) {
      const answer = await member.fetchQuietly(topic, { maxWaitMs: 300 });
      const partitions = answer.responses.flatMap(({ partitions }) => partitions);
      const ranges = partitions.flatMap(({ acquiredRecords }) => acquiredRecords);
      const isReady = partitions.every(({ errorCode }) => errorCode === 0);
      quiet = ranges.length === 0 && isReady ? quiet + 1 : 0;
      for (const { firstOffset, lastOffset } of ranges) {
        this.#mark(this.delivered, firstOffset, lastOffset);
        const accepted = of(this.#topicId, 0, [firstOffset, lastOffset, ACCEPT]);
        await member.acknowledge("taken", accepted);
      }
    }
  }

  #mark(offsets: Set<number>, first: number, last: number): void {
    for (let offset = first; offset <= last; offset++) offsets.add(offset);
  }
}
