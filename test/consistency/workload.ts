/**
 * All clients of a consistency test, and what must be true when they are done.
 *
 *   writers ──▶ "both" ──▶ pollers            copiers: input ──▶ output, exactly once
 */
import { expect } from "bun:test";
import { findCoordinator } from "../../src/protocol/messages/10-find-coordinator.ts";
import { createTopics } from "../../src/protocol/messages/19-create-topics.ts";
import type { FakeRandom } from "../sim/fake-random.ts";
import {
  type Actor,
  Copier,
  Copies,
  INPUT,
  OUTPUT,
  PARTITIONS,
  PlainWriter,
  Poller,
  type Role,
  TOPIC,
  TransactionWriter,
} from "./actors.ts";
import { Admin } from "./admin.ts";
import { checkHistory } from "./check-history.ts";
import { ClassicMember } from "./classic-member.ts";
import { ConsumerMember } from "./consumer-member.ts";
import { GroupLedger } from "./group-ledger.ts";
import { checkCommitted } from "./group-members.ts";
import { History, type Isolation } from "./history.ts";
import type { Generation } from "./producers.ts";
import { endOf } from "./reader.ts";
import { SpareClient } from "./spare-client.ts";
import { retried, type Wire } from "./wire.ts";

/** Where its records are. */
export const PLACES: readonly (readonly [topic: string, partition: number])[] = [
  [INPUT, 0],
  [OUTPUT, 0],
  ...Array.from({ length: PARTITIONS }, (_, index) => [TOPIC, index] as const),
];

const COORDINATOR_PARTITIONS = 3;
const SEGMENT_BYTES = 8000;
/** A segment takes one batch of the largest values at least. */
const BATCH_VALUES_ROOM = 8;
const TRY_EVERY_MS = 100;
const TRIES_MAX = 300;
const GROUP_KEY = 0;
const TRANSACTION_KEY = 1;
const TOPIC_ALREADY_EXISTS = 36;
const FINAL_READER = "final reader";
const TRANSACTION_TIMEOUT_MS = 3000;

/** What brokers of these tests are set to, so that what happens now and then happens often. */
export const BUSY_SETTINGS: Readonly<Record<string, string>> = {
  "offsets.topic.num.partitions": "3",
  "group.initial.rebalance.delay.ms": "0",
  "group.consumer.heartbeat.interval.ms": "600",
  "group.consumer.min.heartbeat.interval.ms": "100",
  "group.consumer.session.timeout.ms": "6000",
  "group.consumer.min.session.timeout.ms": "1000",
  "transaction.state.log.num.partitions": "3",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "400",
  // Clocks jump.
  "log.message.timestamp.after.max.ms": "9223372036854775807",
  "log.segment.bytes": "1048576",
  "log.index.interval.bytes": "512",
  "log.cleaner.backoff.ms": "300",
  "log.cleaner.min.cleanable.ratio": "0.1",
  "log.flush.offset.checkpoint.interval.ms": "500",
  "replica.high.watermark.checkpoint.interval.ms": "300",
};

export interface WorkloadOptions {
  readonly replicationFactor: number;
  readonly pauseMsMax: number;
  readonly valueSizeMax?: number;
  /** Protocols of which there are groups, whose members commit how far they are. */
  readonly groups?: readonly GroupKind[];
  /** Somebody moves partitions between these brokers, and changes what else there is. */
  readonly moveBetween?: readonly number[];
}

export type GroupKind = keyof typeof MEMBERS;

const MEMBERS = { classic: ClassicMember, consumer: ConsumerMember } as const;
const MEMBERS_EACH = ["one", "two"];

const USUAL: WorkloadOptions = { replicationFactor: 1, pauseMsMax: 60 };

/** One wire for all, or one for each by its name. */
type Wires = Wire | ((name: string) => Wire);

export class Workload {
  readonly history = new History();
  readonly #wires: Wires;
  readonly #wire: Wire;
  readonly #options: WorkloadOptions;
  readonly #random: FakeRandom;
  readonly #copiers: Copier[];
  readonly #actors: Actor[];
  readonly #ledgers = new Map<string, GroupLedger>();
  readonly #copies = new Copies();

  constructor(wires: Wires, random: FakeRandom, generation: Generation, options = USUAL) {
    this.#wires = wires;
    this.#wire = this.#wireOf("workload");
    this.#options = options;
    this.#random = random;
    const role = (name: string) => this.#role(name);
    const transactional = (name: string, id: string, isAlone = false) =>
      new TransactionWriter(role(name), id, TRANSACTION_TIMEOUT_MS, generation, isAlone);
    this.#copiers = ["copier a", "copier b"].map(
      (name) => new Copier(role(name), this.#copies, generation),
    );
    this.#actors = [
      new PlainWriter(role("plain"), TOPIC),
      new PlainWriter(role("source"), INPUT),
      transactional("alone", "own-id", true),
      transactional("rival a", "shared-id"),
      transactional("rival b", "shared-id"),
      ...this.#copiers,
      ...this.#pollers("reader", "read_committed"),
      ...this.#pollers("peeker", "read_uncommitted"),
      ...(options.groups ?? []).flatMap((kind) => this.#members(kind)),
      ...(options.moveBetween === undefined ? [] : this.#movers(options.moveBetween)),
    ];
  }

  async prepare(): Promise<void> {
    const { replicationFactor, valueSizeMax = 1 } = this.#options;
    const segmentBytes = Math.max(SEGMENT_BYTES, valueSizeMax * BATCH_VALUES_ROOM);
    const small = [{ name: "internal.segment.bytes", value: String(segmentBytes) }];
    // What coordinators remember is compacted under them.
    const compacted = [{ name: "cleanup.policy", value: "compact" }, ...small];
    const topics = [
      [TOPIC, PARTITIONS, small],
      [INPUT, 1, small],
      [OUTPUT, 1, small],
      ["__consumer_offsets", COORDINATOR_PARTITIONS, compacted],
      ["__transaction_state", COORDINATOR_PARTITIONS, compacted],
    ] as const;
    for (const [name, numPartitions, configs] of topics) {
      await retried(
        this.#wire,
        `create ${name}`,
        () =>
          this.#wire.ask(createTopics, 7, {
            topics: [
              { name, numPartitions, replicationFactor, assignments: [], configs: [...configs] },
            ],
            timeoutMs: 10_000,
          }),
        (answer) => answer.topics[0]!.errorCode,
        [TOPIC_ALREADY_EXISTS],
      );
    }
    for (const keyType of [GROUP_KEY, TRANSACTION_KEY]) {
      await retried(
        this.#wire,
        "FindCoordinator",
        () => this.#wire.ask(findCoordinator, 3, { key: "any", keyType }),
        ({ errorCode }) => errorCode,
      );
    }
  }

  /** Resolves when the wire closes and everybody has done what was begun. */
  async run(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.run()));
  }

  /** The broker is well, and nobody works any more. */
  async verify(): Promise<void> {
    await this.#transactionsEnd();
    while (await this.#copiers[0]!.copySome());
    // A commit is answered before its markers are written.
    await this.#transactionsEnd();
    for (const poller of this.#pollers(FINAL_READER, "read_committed", FINAL_READER)) {
      while (await poller.poll());
    }
    expect(checkHistory(this.history, FINAL_READER)).toEqual([]);
    for (const [group, ledger] of this.#ledgers) await checkCommitted(this.#wire, group, ledger);
    const copied = this.#finalValues(OUTPUT).map((value) => this.#copies.inputs.get(value)!);
    expect(copied, "each input is copied once, in order").toEqual(this.#finalValues(INPUT));
  }

  /** Commits of members of groups that were answered. */
  get committedCount(): number {
    return [...this.#ledgers.values()].reduce((sum, { okCount }) => sum + okCount, 0);
  }

  /** How many operations are known to have happened. */
  get okCount(): number {
    return this.history.operations.filter(({ ending }) => ending === "ok").length;
  }

  /** Those that their clients left open: the coordinator ends them when their time is over. */
  async #transactionsEnd(): Promise<void> {
    for (const [topic, partition] of PLACES) await this.#transactionsEndIn(topic, partition);
  }

  async #transactionsEndIn(topic: string, partition: number): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const stable = await endOf(this.#wire, topic, partition, "read_committed");
      const end = await endOf(this.#wire, topic, partition, "read_uncommitted");
      if (stable === end) return;
      await this.#wire.sleep(TRY_EVERY_MS);
    }
    throw new Error(`a transaction hangs in ${topic}-${partition}`);
  }

  #role(name: string): Role {
    const wire = this.#wireOf(name);
    const { pauseMsMax, valueSizeMax = 1 } = this.#options;
    const random = this.#random.fork();
    return { name, wire, history: this.history, random, pauseMsMax, valueSizeMax };
  }

  #wireOf(name: string): Wire {
    return typeof this.#wires === "function" ? this.#wires(name) : this.#wires;
  }

  #pollers(name: string, isolation: Isolation, sameName?: string): Poller[] {
    return PLACES.map(([topic, partition]) => {
      const role = this.#role(sameName ?? `${name} of ${topic}-${partition}`);
      return new Poller(role, topic, partition, isolation);
    });
  }

  #movers(brokerIds: readonly number[]): Actor[] {
    const { replicationFactor } = this.#options;
    return [
      new Admin(this.#role("admin"), brokerIds, replicationFactor),
      new SpareClient(this.#role("spare client")),
    ];
  }

  #members(kind: GroupKind): Actor[] {
    const group = `${kind} members`;
    const ledger = new GroupLedger();
    this.#ledgers.set(group, ledger);
    const Member = MEMBERS[kind];
    return MEMBERS_EACH.map((name) => new Member(this.#role(`${kind} ${name}`), group, ledger));
  }

  #finalValues(topic: string): string[] {
    const operations = this.history.operations.filter(({ process }) => process === FINAL_READER);
    return operations
      .flatMap(({ polls }) => polls)
      .filter(({ partition }) => partition === `${topic}-0`)
      .flatMap(({ records }) => records.map(({ value }) => value));
  }
}
