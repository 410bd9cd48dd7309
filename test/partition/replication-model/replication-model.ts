/**
 * Three replicas of a partition, driven by hand: clients produce with acks=all and an idempotent
 * producer, replicas fetch, machines die and lose what they had not synced, leaders change, news
 * and answers come late. One machine at a time may have lost records. From one seed, one run.
 *
 * What must hold (kafka-semantics.md 5.1): nothing acknowledged is lost or there twice, records of
 * one offset and epoch are the same everywhere, nothing below a high watermark ever changes, and no
 * leader's high watermark is beyond what those have that are in sync.
 */
import { readAsFollower, type PartitionRead } from "../../../src/partition/fetch-read.ts";
import type { FollowerPosition } from "../../../src/partition/follower-state.ts";
import type { EpochEnd } from "../../../src/log/leader-epochs.ts";
import type { AppendResult } from "../../../src/log/append-result.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import * as header from "../../../src/protocol/record-batch.ts";
import type { Keep } from "../../sim/fake-disk-nodes.ts";
import type { FakeRandom } from "../../sim/fake-random.ts";
import { fakeWorld, neighbourOf } from "../../sim/fake-world.ts";
import { batchOf } from "../../log/log-fixture.ts";
import { FakeController, REPLICAS } from "./fake-controller.ts";
import { LAG_MAX_MS, type PendingProposal, ReplicaNode } from "./replica-node.ts";

export class Violation extends Error {}

const STEPS = 600;
const PRODUCERS = 2;
const HEAL_ROUNDS = 60;
const TRACE_LENGTH = 80;

/** One value after the other, each again until it is acknowledged. */
interface Producer {
  readonly id: number;
  sequence: number;
  value: string;
  isWaiting: boolean;
  /** What an answer that comes too late belongs to. */
  attempt: number;
}

interface FetchRequest {
  readonly number: number;
  readonly from: ReplicaNode;
  readonly brokerEpoch: number;
  readonly position: FollowerPosition;
}

interface FetchAnswer {
  readonly request: FetchRequest;
  readonly errorCode: ErrorCode;
  readonly diverging: EpochEnd | null;
  readonly records: Buffer;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

interface Action {
  readonly weight: number;
  readonly run: (node: ReplicaNode) => void;
}

interface Acknowledged {
  readonly value: string;
  readonly offset: number;
}

/** A batch as it lies in a log. */
interface Stored {
  readonly offset: number;
  readonly epoch: number;
  readonly value: string;
}

export interface ModelCounts {
  acknowledged: number;
  elections: number;
  truncations: number;
  powerLosses: number;
  isrChanges: number;
}

export function runModel(seed: number, steps = STEPS): ModelCounts {
  const model = new ReplicationModel(seed);
  try {
    model.run(steps);
  } catch (error) {
    const message = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
    throw new Violation(`seed ${seed}: ${message}\n${model.trace}`);
  }
  return model.counts;
}

class ReplicationModel {
  readonly counts: ModelCounts = {
    acknowledged: 0,
    elections: 0,
    truncations: 0,
    powerLosses: 0,
    isrChanges: 0,
  };
  readonly #random: FakeRandom;
  readonly #nodes: ReplicaNode[];
  readonly #controller: FakeController;
  readonly #proposals: PendingProposal[] = [];
  readonly #producers: Producer[] = [];
  readonly #acknowledged: Acknowledged[] = [];
  readonly #requests: FetchRequest[] = [];
  /** Of incarnations that are gone. */
  readonly #late: FetchRequest[] = [];
  readonly #answers: FetchAnswer[] = [];
  /** What leaders wrote: value by "offset/epoch". */
  readonly #written = new Map<string, string>();
  /** What was below a high watermark once. */
  readonly #committed = new Map<number, Stored>();
  /** Lost what it had not synced, and is not in sync again. */
  #weak: number | null = null;
  readonly #actions: readonly Action[];
  readonly #weightSum: number;
  #fetchNumber = 0;
  #valueNumber = 0;

  readonly #trace: string[] = [];

  /** The last things that happened. */
  get trace(): string {
    return this.#trace.slice(-TRACE_LENGTH).join("\n");
  }

  constructor(seed: number) {
    const world = fakeWorld(seed);
    this.#random = world.random;
    this.#actions = this.#someActions();
    this.#weightSum = this.#actions.reduce((sum, { weight }) => sum + weight, 0);
    this.#controller = new FakeController((change) => {
      const { leader, leaderEpoch, isr, eligibleLeaderReplicas: elr } = change.registration;
      this.#note(`controller: leader ${leader} epoch ${leaderEpoch} isr ${isr} elr ${elr}`);
      this.counts.elections += change.registration.leaderEpoch - this.#leaderEpoch;
      this.#leaderEpoch = change.registration.leaderEpoch;
      for (const node of this.#nodes) if (node.isUp) node.unheard.push(change);
    });
    this.#nodes = REPLICAS.map((id) => {
      const own = id === 1 ? world : neighbourOf(world, `10.0.0.${id}`);
      return new ReplicaNode(id, own, this.#proposals);
    });
    for (const node of this.#nodes) node.start(this.#controller.now);
    for (let index = 0; index < PRODUCERS; index++) {
      const id = 1000 + index;
      this.#producers.push({ id, sequence: 0, value: "", isWaiting: false, attempt: 0 });
    }
  }

  #leaderEpoch = 0;

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#act();
      this.#settle();
      this.#checkWatermarks();
    }
    this.#heal();
    this.#checkEnd();
  }

  #act(): void {
    let roll = this.#random.below(this.#weightSum);
    const node = this.#pick(this.#nodes);
    for (const { weight, run } of this.#actions) {
      roll -= weight;
      if (roll < 0) return run(node);
    }
  }

  /** Each run has its own temper: some things happen often in it, others seldom. */
  #someActions(): Action[] {
    const temper = (weight: number, run: (node: ReplicaNode) => void): Action => {
      return { weight: Math.ceil((weight * this.#pick([1, 3, 9])) / 3), run };
    };
    return [
      temper(150, (node) => this.#produce(this.#pick(this.#producers), this.#likelyLeader(node))),
      temper(240, (node) => this.#fetch(node)),
      temper(210, () => this.#serve()),
      temper(10, () => this.#serveLate()),
      temper(200, () => this.#deliver()),
      temper(90, (node) => node.hear()),
      temper(40, () => this.#answerProposal()),
      temper(15, () => this.#passTime(1 + this.#random.below(LAG_MAX_MS))),
      temper(15, (node) => node.partition?.maybeShrinkIsr(node.world.clock.monotonicMs())),
      temper(6, () => this.#electAnother()),
      temper(6, (node) => this.#crash(node)),
      temper(15, (node) => this.#restart(node)),
      temper(2, (node) => this.#fence(node)),
      temper(6, (node) => this.#unfence(node)),
      temper(5, (node) => void node.logs?.checkpoint("highWatermark")),
      temper(5, (node) => void node.partition?.log.flush().catch(() => undefined)),
      temper(5, () => this.#loseMessages()),
    ];
  }

  #produce(producer: Producer, node: ReplicaNode): void {
    const { partition } = node;
    if (partition === null || partition.produceError(true) !== ErrorCode.NONE) return;
    if (producer.isWaiting && this.#random.below(4) > 0) return;
    if (producer.value === "") producer.value = `v${this.#valueNumber++}`;
    const attempt = ++producer.attempt;
    const nowMs = node.world.clock.wallMs();
    const bytes = batchOf({
      text: producer.value,
      valueSize: this.#random.below(60),
      timestamp: nowMs,
      producerId: producer.id,
      producerEpoch: 0,
      baseSequence: producer.sequence,
    });
    const options = { nowMs, verification: null, isForAll: true, gathered: null };
    const result = partition.produce(bytes, options) as AppendResult;
    const isLeader = partition.leaderEpoch === this.#controller.registration.leaderEpoch;
    if (result.errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER && isLeader) {
      throw new Violation(`node ${node.id} lost what came before ${producer.value}`);
    }
    if (result.errorCode !== ErrorCode.NONE) return;
    const { firstOffset: offset } = result;
    if (!result.isDuplicate) {
      this.#written.set(`${offset}/${partition.leaderEpoch}`, producer.value);
    }
    this.#note(`produce ${producer.value} at ${node.id}: ${offset}/${partition.leaderEpoch}`);
    producer.isWaiting = true;
    const { life } = node;
    const committed = partition.whenCommitted(result.lastOffset + 1, Infinity);
    void Promise.resolve(committed ?? ErrorCode.NONE).then((errorCode) => {
      if (producer.attempt !== attempt || node.life !== life) return;
      producer.isWaiting = false;
      if (errorCode !== ErrorCode.NONE) return;
      this.#note(`acknowledged ${producer.value} at ${offset}`);
      this.#acknowledged.push({ value: producer.value, offset });
      this.counts.acknowledged++;
      producer.value = "";
      producer.sequence++;
    });
  }

  #fetch(node: ReplicaNode): void {
    const { partition } = node;
    if (partition === null || node.fetchUnderWay !== 0) return;
    const position = partition.followerPosition();
    if (position === null) return;
    if (node.followedEpoch !== position.leaderEpoch) {
      node.followedEpoch = position.leaderEpoch;
      if (partition.beginFollowing(position.leaderEpoch) !== null) return;
    }
    node.fetchUnderWay = ++this.#fetchNumber;
    const { brokerEpoch } = node;
    this.#requests.push({ number: node.fetchUnderWay, from: node, brokerEpoch, position });
  }

  /** A request of an incarnation that is gone. */
  #serveLate(): void {
    const late = this.#take(this.#late);
    if (late !== undefined) this.#serveOne(late);
  }

  #serve(): void {
    const request = this.#take(this.#requests);
    if (request !== undefined) this.#serveOne(request);
  }

  #serveOne(request: FetchRequest): void {
    const { position, brokerEpoch, from } = request;
    const leader = this.#nodes[position.leaderId - 1]!;
    if (leader.partition === null) return this.#breakConnection(request);
    const fetch = {
      ...position,
      currentLeaderEpoch: position.leaderEpoch,
      replicaId: from.id,
      brokerEpoch,
      receivedMs: leader.world.clock.monotonicMs(),
    };
    const sizeMax = 100 + this.#random.below(600);
    const read = readAsFollower(leader.partition, fetch, sizeMax, true);
    void Promise.resolve(read).then((found) => this.#answer(request, found));
  }

  #answer(request: FetchRequest, { slice, divergingEpoch, ...read }: PartitionRead): void {
    let records: Buffer = Buffer.alloc(0);
    if (slice !== null && slice.size > 0) {
      records = Buffer.alloc(slice.size);
      slice.readInto(records, 0);
      const cut = this.#random.below(4) === 0 ? this.#random.below(slice.size) : 0;
      // A leader cuts the last batch where a size is exceeded.
      records = records.subarray(0, records.length - cut);
    }
    slice?.release();
    this.#answers.push({ request, diverging: divergingEpoch, records, ...read });
  }

  #deliver(): void {
    const answer = this.#take(this.#answers);
    if (answer === undefined) return;
    const { request, errorCode, diverging, records, highWatermark, logStartOffset } = answer;
    const { from: node, position } = request;
    if (node.fetchUnderWay !== request.number || node.partition === null) return;
    node.fetchUnderWay = 0;
    const { leaderEpoch, fetchOffset } = position;
    if (errorCode === ErrorCode.OFFSET_OUT_OF_RANGE) return this.#align(node, position);
    if (errorCode !== ErrorCode.NONE) return;
    if (diverging !== null) {
      this.counts.truncations++;
      this.#note(`${node.id} cuts to ${diverging.epoch}/${diverging.endOffset}`);
      void node.partition.truncateTo(leaderEpoch, diverging);
      return;
    }
    const fetched = { leaderEpoch, fetchOffset, records, highWatermark, logStartOffset };
    const appended = node.partition.appendAsFollower(fetched);
    if (appended instanceof Promise) throw new Violation("the log begins in a batch");
    const { errorCode: refusal, message } = appended;
    const { logEndOffset, highWatermark: now } = node.partition.log;
    const isNews = records.length > 0 || refusal !== ErrorCode.NONE;
    if (isNews)
      this.#note(`${node.id} takes ${fetchOffset}: ${refusal}, end ${logEndOffset}, hw ${now}`);
    const isVoid =
      refusal === ErrorCode.FENCED_LEADER_EPOCH ||
      refusal === ErrorCode.OFFSET_OUT_OF_RANGE ||
      refusal === ErrorCode.NOT_LEADER_OR_FOLLOWER;
    if (refusal !== ErrorCode.NONE && !isVoid) {
      throw new Violation(`node ${node.id} does not take records: ${refusal} ${message}`);
    }
  }

  /** What ListOffsets says. */
  #align(node: ReplicaNode, { leaderId, leaderEpoch }: FollowerPosition): void {
    const leader = this.#nodes[leaderId - 1]!.partition;
    if (leader === null || leader.leaderError(leaderEpoch) !== ErrorCode.NONE) return;
    const { logStartOffset, logEndOffset } = leader.log;
    this.#note(`${node.id} aligns with ${logStartOffset} to ${logEndOffset}`);
    void node.partition!.alignWith(leaderEpoch, logStartOffset, logEndOffset);
  }

  #answerProposal(): void {
    const pending = this.#take(this.#proposals);
    if (pending === undefined) return;
    const { sender, life, proposal, answer } = pending;
    if (sender.life !== life) return;
    // The request is lost, or its answer; either way the leader hears that something went wrong.
    const fate = this.#random.below(5);
    if (fate === 0) return answer({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR });
    const answered = this.#controller.alter(sender.id, proposal);
    if (answered.errorCode === ErrorCode.NONE) this.counts.isrChanges++;
    if (fate === 1) return answer({ errorCode: ErrorCode.UNKNOWN_SERVER_ERROR });
    answer(answered);
  }

  #electAnother(): void {
    const { isr } = this.#controller.registration;
    const candidates = isr.filter((id) => this.#controller.isActive(id));
    if (candidates.length > 0) this.#controller.elect(this.#pick(candidates));
  }

  #crash(node: ReplicaNode): void {
    if (!node.isUp) return;
    const isWeakNow = this.#weak !== null && this.#weak !== node.id;
    const keeps: (Keep | null)[] = isWeakNow ? [null] : [null, "none", "all", "random"];
    const keep = this.#pick(keeps);
    if (keep !== null) {
      this.#weak = node.id;
      this.counts.powerLosses++;
    }
    this.#crashNow(node, keep);
  }

  #crashNow(node: ReplicaNode, keep: Keep | null): void {
    this.#note(`${node.id} crashes, keeps ${keep ?? "all that was written"}`);
    node.crash(keep);
    for (const producer of this.#producers) producer.isWaiting = false;
    for (const request of [...this.#requests]) {
      // Its own requests are on their way, and may come long after it is back.
      if (request.from === node) this.#delay(request);
      if (request.position.leaderId === node.id) this.#breakConnection(request);
    }
  }

  #restart(node: ReplicaNode): void {
    if (node.isUp) return;
    this.#controller.register(node.id, node.hasLost);
    node.start(this.#controller.now);
    this.#note(`${node.id} is back, end ${node.partition!.log.logEndOffset}`);
    this.#controller.unfence(node.id);
  }

  /** Its heartbeats are late, whether it lives or not. */
  #fence(node: ReplicaNode): void {
    if (this.#controller.isActive(node.id)) this.#controller.fence(node.id);
  }

  #unfence(node: ReplicaNode): void {
    if (node.isUp && !this.#controller.isActive(node.id)) this.#controller.unfence(node.id);
  }

  #likelyLeader(node: ReplicaNode): ReplicaNode {
    if (this.#random.below(5) === 0) return node;
    return this.#nodes[this.#controller.registration.leader - 1] ?? node;
  }

  #delay(request: FetchRequest): void {
    this.#breakConnection(request);
    this.#late.push(request);
  }

  #breakConnection(request: FetchRequest): void {
    if (request.from.fetchUnderWay === request.number) request.from.fetchUnderWay = 0;
    const index = this.#requests.indexOf(request);
    if (index !== -1) this.#requests.splice(index, 1);
  }

  #loseMessages(): void {
    for (const request of this.#requests.splice(0)) this.#breakConnection(request);
    for (const { request } of this.#answers.splice(0)) this.#breakConnection(request);
  }

  #passTime(ms: number): void {
    this.#nodes[0]!.world.clock.advance(ms);
  }

  #settle(): void {
    this.#nodes[0]!.world.clock.settle();
    this.#noteStrength();
  }

  /** Once it is in sync again, another machine may lose something. */
  #noteStrength(): void {
    const { isr } = this.#controller.registration;
    if (this.#weak === null || isr.length < 2) return;
    const node = this.#nodes[this.#weak - 1]!;
    const hasHeard = node.partition !== null && this.#controller.isActive(node.id);
    if (hasHeard && isr.includes(node.id) && !this.#isMissing(node)) this.#weak = null;
  }

  #isMissing(node: ReplicaNode): boolean {
    const { logEndOffset } = node.partition!.log;
    for (const offset of this.#committed.keys()) if (offset >= logEndOffset) return true;
    return false;
  }

  /** Everybody comes back, hears all and fetches all. */
  #heal(): void {
    for (const node of this.#nodes) this.#restart(node);
    for (let round = 0; round < HEAL_ROUNDS; round++) {
      if (round === 0) this.#loseMessages();
      for (const node of this.#nodes) {
        this.#unfence(node);
        while (node.unheard.length > 0) node.hear();
        node.partition?.maybeShrinkIsr(node.world.clock.monotonicMs());
        this.#fetch(node);
      }
      while (this.#requests.length > 0) this.#serve();
      this.#settle();
      while (this.#answers.length > 0) this.#deliver();
      while (this.#proposals.length > 0) this.#answerProposal();
      this.#settle();
      this.#checkWatermarks();
      for (const producer of this.#producers) {
        if (producer.value !== "") for (const node of this.#nodes) this.#produce(producer, node);
      }
      this.#passTime(LAG_MAX_MS / 20);
    }
  }

  #checkWatermarks(): void {
    const { registration } = this.#controller;
    for (const node of this.#nodes) {
      const { partition } = node;
      if (partition === null) continue;
      const { highWatermark, logStartOffset, logEndOffset } = partition.log;
      if (highWatermark > logEndOffset || highWatermark < logStartOffset) {
        throw new Violation(`node ${node.id}: the high watermark ${highWatermark} is not inside`);
      }
      const isNewest = partition.leaderEpoch === registration.leaderEpoch;
      if (!partition.isLeader || !isNewest) continue;
      for (const id of registration.isr) this.#checkHas(id, highWatermark, node);
    }
  }

  #checkHas(id: number, highWatermark: number, leader: ReplicaNode): void {
    const log = this.#nodes[id - 1]!.partition?.log;
    if (log === undefined) return;
    if (log.logEndOffset >= highWatermark) {
      this.#noteCommitted(leader, highWatermark);
      return;
    }
    throw new Violation(
      `node ${id} is in sync and ends at ${log.logEndOffset}, but ${highWatermark} is committed`,
    );
  }

  #noteCommitted(leader: ReplicaNode, highWatermark: number): void {
    if (this.#committed.size >= highWatermark) return;
    for (const stored of this.#stored(leader)) {
      if (stored.offset >= highWatermark) break;
      const known = this.#committed.get(stored.offset);
      if (known === undefined) this.#committed.set(stored.offset, stored);
      else this.#checkSame(known, stored, leader);
    }
  }

  #checkSame(known: Stored, found: Stored, node: ReplicaNode): void {
    if (known.epoch === found.epoch && known.value === found.value) return;
    throw new Violation(
      `offset ${known.offset} was ${known.value} of epoch ${known.epoch}, ` +
        `and is ${found.value} of epoch ${found.epoch} on node ${node.id}`,
    );
  }

  #checkEnd(): void {
    const logs = this.#nodes.map((node) => this.#stored(node));
    const leader = this.#controller.registration.leader;
    const ofLeader = logs[leader - 1]!;
    for (const [index, stored] of logs.entries()) {
      const node = this.#nodes[index]!;
      for (const each of stored) {
        const written = this.#written.get(`${each.offset}/${each.epoch}`);
        if (written !== each.value) {
          throw new Violation(`node ${node.id} has ${each.value} at ${each.offset}/${each.epoch}`);
        }
        const known = this.#committed.get(each.offset);
        if (known !== undefined) this.#checkSame(known, each, node);
      }
      if (JSON.stringify(stored) !== JSON.stringify(ofLeader)) {
        throw new Violation(`node ${node.id} differs: ${text(stored)} from ${text(ofLeader)}`);
      }
    }
    const offsets = new Map<string, number>();
    for (const { offset, value } of ofLeader) {
      if (offsets.has(value)) throw new Violation(`${value} is there twice`);
      offsets.set(value, offset);
    }
    for (const { value, offset } of this.#acknowledged) {
      if (offsets.get(value) === offset) continue;
      throw new Violation(`${value} was acknowledged at ${offset}: ${offsets.get(value)}`);
    }
  }

  #stored(node: ReplicaNode): Stored[] {
    return node.partition!.log.state.segments.all.flatMap((segment) => {
      const file = segment.log.use();
      const bytes = Buffer.alloc(segment.size);
      file.read(bytes, 0, bytes.length, 0);
      const found: Stored[] = [];
      for (let at = 0; at < bytes.length; at += header.batchSize(bytes, at)) {
        const epoch = header.partitionLeaderEpoch(bytes, at);
        const value = valueOf(bytes.subarray(at, at + header.batchSize(bytes, at)));
        found.push({ offset: header.baseOffset(bytes, at), epoch, value });
      }
      return found;
    });
  }

  #note(text: string): void {
    this.#trace.push(text);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  /** Mostly the oldest, now and then another. */
  #take<T>(items: T[]): T | undefined {
    if (items.length === 0) return undefined;
    const index = this.#random.below(4) === 0 ? this.#random.below(items.length) : 0;
    return items.splice(index, 1)[0];
  }
}

/** The batches are not compressed, and have one record each: "v", a number, and dots. */
function valueOf(batch: Buffer): string {
  return /v\d+/.exec(batch.subarray(header.BATCH_HEADER_SIZE).toString("latin1"))?.[0] ?? "";
}

function text(stored: readonly Stored[]): string {
  return stored.map(({ offset, epoch, value }) => `${offset}/${epoch}:${value}`).join(" ");
}
