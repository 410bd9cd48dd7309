/**
 * Clients that work beside each other, and note what they did and saw. Each lives through the
 * deaths of the broker: what it asks is answered at last, or it does not know.
 */
import type { FakeRandom } from "../sim/fake-random.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import type { History, Isolation, Operation, Send } from "./history.ts";
import { type Generation, IdempotentProducer, TransactionalProducer } from "./producers.ts";
import { commitOnce, committedOffset, read, type Read } from "./reader.ts";
import { Refused, Unanswered, type Wire } from "./wire.ts";

export const TOPIC = "both";
export const PARTITIONS = 3;
export const INPUT = "input";
export const OUTPUT = "output";
const GROUP = "copiers";
const VALUES_MAX = 4;

/** Who it is, how it reaches the broker, and where it notes what it sees. */
export interface Role {
  readonly name: string;
  readonly wire: Wire;
  readonly history: History;
  readonly random: FakeRandom;
  /** It rests for so long at most between two things that it does. */
  readonly pauseMsMax: number;
  readonly valueSizeMax: number;
}

export abstract class Actor {
  readonly name: string;
  protected readonly wire: Wire;
  protected readonly history: History;
  protected readonly random: FakeRandom;
  readonly #pauseMsMax: number;
  readonly #valueSizeMax: number;

  constructor({ name, wire, history, random, pauseMsMax, valueSizeMax }: Role) {
    this.name = name;
    this.wire = wire;
    this.history = history;
    this.random = random;
    this.#pauseMsMax = pauseMsMax;
    this.#valueSizeMax = valueSizeMax;
  }

  async run(): Promise<void> {
    while (!this.wire.isClosing) {
      await this.step();
      await this.wire.sleep(this.random.below(this.#pauseMsMax));
    }
  }

  protected abstract step(): Promise<void>;

  /** Writes values of its own; each is noted before, and its offset after. */
  protected async send(
    producer: IdempotentProducer | TransactionalProducer,
    operation: Operation,
    topic: string,
    partition: number,
    values: readonly string[],
  ): Promise<void> {
    const sends = this.sendsOf(topic, partition, values);
    operation.sends.push(...sends);
    note(sends, await producer.send(topic, partition, values));
  }

  protected sendsOf(topic: string, partition: number, values: readonly string[]): Send[] {
    return values.map((value) => ({ partition: `${topic}-${partition}`, value, offset: null }));
  }

  protected someValues(): string[] {
    const count = 1 + this.random.below(VALUES_MAX);
    return Array.from({ length: count }, () => {
      const size = this.random.below(this.#valueSizeMax);
      return this.history.nextValue().padEnd(size, ".");
    });
  }
}

/** Writes without transactions. */
export class PlainWriter extends Actor {
  #producer: IdempotentProducer | null = null;

  constructor(
    role: Role,
    private readonly topic: string,
  ) {
    super(role);
  }

  protected async step(): Promise<void> {
    const operation = this.history.begin(this.name);
    const partition = this.topic === TOPIC ? this.random.below(PARTITIONS) : 0;
    const values = this.someValues();
    const sends = this.sendsOf(this.topic, partition, values);
    operation.sends.push(...sends);
    try {
      this.#producer ??= await newProducer(this.wire);
      await this.#sendOnce(this.#producer, partition, values, sends);
      operation.ending = "ok";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.#producer = null;
    }
  }

  /**
   * As clients do whose sequence is not the expected one: they begin a new epoch and send it all
   * again. So nobody may say so of what is there already.
   */
  async #sendOnce(
    producer: IdempotentProducer,
    partition: number,
    values: readonly string[],
    sends: readonly Send[],
  ): Promise<void> {
    try {
      note(sends, await producer.send(this.topic, partition, values));
    } catch (error) {
      const isOutOfOrder =
        error instanceof Refused && error.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
      if (!isOutOfOrder) throw error;
      this.#producer = await newProducer(this.wire);
      note(sends, await this.#producer.send(this.topic, partition, values));
    }
  }
}

/** Writes, and now and then reads, in transactions. */
export class TransactionWriter extends Actor {
  readonly #producer: TransactionalProducer;
  readonly #positions = new Map<number, number>();
  /** Nobody else uses its id. */
  readonly #isAlone: boolean;
  #isReady = false;

  constructor(
    role: Role,
    transactionalId: string,
    timeoutMs: number,
    generation: Generation,
    isAlone: boolean,
  ) {
    super(role);
    this.#isAlone = isAlone;
    this.#producer = new TransactionalProducer(role.wire, transactionalId, timeoutMs, generation);
  }

  protected async step(): Promise<void> {
    const { random } = this;
    const operation = this.history.begin(this.name);
    let commitAsked = false;
    try {
      if (!this.#isReady) await this.#producer.init();
      this.#isReady = true;
      for (let count = 1 + random.below(4); count > 0; count--) {
        const partition = random.below(PARTITIONS);
        await this.send(this.#producer, operation, TOPIC, partition, this.someValues());
        if (random.chance(0.2)) await this.#poll(operation, random.below(PARTITIONS));
        // Some take so long that the coordinator ends them.
        if (random.chance(0.03)) await this.wire.sleep(4000);
      }
      if (random.chance(0.05)) {
        await this.#sendInVain(operation);
        return;
      }
      commitAsked = random.chance(0.75);
      await this.#producer.end(commitAsked);
      operation.ending = commitAsked ? "ok" : "failed";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // Only a commit makes it happen.
      if (!commitAsked || (this.#isAlone && this.#isUndone(error))) operation.ending = "failed";
      this.#isReady = false;
    }
  }

  /**
   * A commit that is refused so has not been done, nor will be. Where several nodes coordinate, not
   * if it was asked for before: that request may have been done, and a coordinator that has slept
   * meanwhile answers with what it remembers, as Kafka's. One that is fenced may have been done, when
   * its answer was lost: a late request of its own for a new session may have come behind it.
   */
  #isUndone({ errorCode, triesBefore }: Refused): boolean {
    if (errorCode !== ErrorCode.INVALID_TXN_STATE) return false;
    return triesBefore === 0 || this.wire.hasManyNodes !== true;
  }

  /** It does not wait for the answer, or gets none, and aborts: what comes late comes in vain. */
  async #sendInVain(operation: Operation): Promise<void> {
    const partition = this.random.below(PARTITIONS);
    const values = this.someValues();
    operation.sends.push(...this.sendsOf(TOPIC, partition, values));
    // What was sent is in doubt now, and with it the sequences.
    this.#isReady = false;
    operation.ending = "failed";
    const sent = this.#producer.sendOnce(TOPIC, partition, values).catch((error: unknown) => {
      if (!(error instanceof Unanswered || error instanceof Refused)) throw error;
    });
    await Promise.race([sent, this.wire.sleep(this.random.below(400))]);
    await this.#producer.end(false);
    await sent;
  }

  async #poll(operation: Operation, partition: number): Promise<void> {
    const fromOffset = this.#positions.get(partition) ?? 0;
    const found = await read(this.wire, TOPIC, partition, fromOffset, "read_committed");
    noteRead(operation, TOPIC, partition, "read_committed", fromOffset, found);
    this.#positions.set(partition, found.nextOffset);
  }
}

/** What all copiers know of what they have done. */
export class Copies {
  /** By what was written: what it is a copy of. */
  readonly inputs = new Map<string, string>();
  /** The furthest offset of the input that any of them has asked to be committed. */
  offsetMax = 0;
}

/** Takes from one topic and gives to another: each input once, with the offset committed in it. */
export class Copier extends Actor {
  readonly #producer: TransactionalProducer;
  readonly #copies: Copies;
  #isReady = false;

  constructor(role: Role, copies: Copies, generation: Generation) {
    super(role);
    this.#copies = copies;
    this.#producer = new TransactionalProducer(role.wire, GROUP, 3000, generation);
  }

  protected async step(): Promise<void> {
    await this.copySome();
  }

  /** False when all is copied. */
  async copySome(): Promise<boolean> {
    let operation: Operation | null = null;
    let commitAsked = false;
    try {
      // The id is had before the offset is read: then no other copier can move it unseen.
      if (!this.#isReady) await this.#producer.init();
      this.#isReady = true;
      const fromOffset = await this.#committedOffset();
      const found = await read(this.wire, INPUT, 0, fromOffset, "read_committed", 300);
      if (found.nextOffset === fromOffset) return false;
      const begun = this.history.begin(`${this.name} #${this.history.operations.length}`);
      operation = begun;
      noteRead(begun, INPUT, 0, "read_committed", fromOffset, found);
      const values = found.records.map(({ value }) => this.#copyOf(value));
      if (values.length > 0) await this.send(this.#producer, begun, OUTPUT, 0, values);
      await this.#producer.commitOffset(GROUP, INPUT, 0, found.nextOffset);
      commitAsked = true;
      this.#copies.offsetMax = Math.max(this.#copies.offsetMax, found.nextOffset);
      await this.#producer.end(true);
      begun.ending = "ok";
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (operation !== null && !commitAsked) operation.ending = "failed";
      this.#isReady = false;
    }
    return true;
  }

  /**
   * A coordinator that has slept, and does not know yet that another took over, answers with what it
   * remembers: Kafka's OffsetFetch asks nobody else, and leaves it to the generation of a member to
   * fence whoever goes on from there (KIP-447). Copiers are no members: where an answer may be of
   * long ago, only one who can write is believed.
   */
  async #committedOffset(): Promise<number> {
    const offset = await committedOffset(this.wire, GROUP, INPUT, 0);
    if (offset >= this.#copies.offsetMax) return offset;
    const prove = () => commitOnce(this.wire, GROUP, TOPIC, 0, 0);
    return committedOffset(this.wire, GROUP, INPUT, 0, prove);
  }

  #copyOf(input: string): string {
    const value = this.history.nextValue();
    this.#copies.inputs.set(value, input);
    return value;
  }
}

/** Reads one partition from its start, for ever. */
export class Poller extends Actor {
  #offset = 0;
  #ends: Ends | null = null;

  constructor(
    role: Role,
    readonly topic: string,
    readonly partition: number,
    readonly isolation: Isolation,
  ) {
    super(role);
  }

  protected async step(): Promise<void> {
    await this.poll();
  }

  /** False at the end of what it may see. */
  async poll(): Promise<boolean> {
    const { topic, partition, isolation } = this;
    const fromOffset = this.#offset;
    const found = await read(this.wire, topic, partition, fromOffset, isolation, 4096);
    this.#checkEnds(found);
    if (found.nextOffset === fromOffset) return false;
    const operation = this.history.begin(this.name);
    noteRead(operation, topic, partition, isolation, fromOffset, found);
    operation.ending = "ok";
    this.#offset = found.nextOffset;
    return true;
  }

  /** What the leader of an epoch has told of the ends never goes back in this epoch. */
  #checkEnds({ highWatermark, lastStableOffset }: Read): void {
    const { wire, topic, partition } = this;
    const epoch = wire.leaderEpoch === undefined ? 0 : wire.leaderEpoch(topic, partition);
    if (epoch === null) return;
    const before = this.#ends;
    this.#ends = { epoch, highWatermark, lastStableOffset };
    if (before?.epoch !== epoch) return;
    if (highWatermark >= before.highWatermark && lastStableOffset >= before.lastStableOffset)
      return;
    const [from, to] = [before, this.#ends].map((ends) => JSON.stringify(ends));
    throw new Error(`${topic}-${partition} went back from ${from} to ${to}`);
  }
}

interface Ends extends Pick<Read, "highWatermark" | "lastStableOffset"> {
  readonly epoch: number;
}

/** Where they are, if the broker told. */
function note(sends: readonly Send[], offset: number | null): void {
  if (offset !== null) sends.forEach((send, index) => (send.offset = offset + index));
}

function noteRead(
  operation: Operation,
  topic: string,
  partition: number,
  isolation: Isolation,
  fromOffset: number,
  { records, nextOffset }: Read,
): void {
  if (nextOffset === fromOffset) return;
  const place = `${topic}-${partition}`;
  operation.polls.push({ partition: place, isolation, fromOffset, nextOffset, records });
}

async function newProducer(wire: Wire): Promise<IdempotentProducer> {
  const producer = new IdempotentProducer(wire);
  await producer.init();
  return producer;
}
