/**
 * A cluster at random, from a seed: clocks of their own, messages that are lost, late, doubled and
 * out of order, cuts between nodes, syncs that end late, crashes at any effect that take what was
 * not synced, snapshots, and changes of the voters. `History` holds the invariants all the while;
 * at the end all is healed, and the cluster has to commit again.
 */
import { nextTickAtMs } from "../../../src/raft/core/raft-core.ts";
import { lastVoters } from "../../../src/raft/core/voter-history.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { CLIENT, Cluster, type Message } from "./cluster.ts";
import { CLUSTER_ID, addReplicas, voterOf } from "./replicas.ts";

export interface Outcome {
  readonly steps: number;
  readonly committed: number;
  readonly epochs: number;
  readonly crashes: number;
  readonly voterChanges: number;
  readonly snapshots: number;
  /** Of all that was said: the same seed gives the same. */
  readonly hash: number;
}

const HEAL_STEPS_MAX = 20_000;

export function simulate(seed: number, steps: number): Outcome {
  return new Simulation(seed).run(steps);
}

class Simulation {
  readonly #random: FakeRandom;
  readonly #cluster = new Cluster();
  readonly #ids: number[];
  readonly #isDynamic: boolean;
  readonly #loss: number;
  readonly #doubling: number;
  #cut = new Set<string>();
  #payload = 0;
  #crashes = 0;
  #voterChanges = 0;
  #snapshots = 0;
  #requestId = 1;
  #hash = 0;

  constructor(seed: number) {
    const random = new FakeRandom(seed);
    this.#random = random;
    const voterCount = random.between(3, 5);
    const voters = Array.from({ length: voterCount }, (_, index) => index + 1);
    const observers = Array.from({ length: random.between(0, 2) }, (_, at) => voterCount + at + 1);
    this.#isDynamic = random.chance(0.6);
    this.#loss = random.pick([0, 0.02, 0.1, 0.3]);
    this.#doubling = random.pick([0, 0.05, 0.2]);
    this.#ids = [...voters, ...observers];
    const cluster = this.#cluster;
    cluster.isFlushedAtOnce = random.chance(0.3);
    cluster.below = (_, bound) => random.below(bound);
    const autoJoin = random.chance(0.3);
    const config = { autoJoin, isHasty: random.chance(0.5) };
    addReplicas(cluster, { voters, observers, isDynamic: this.#isDynamic, config });
    cluster.watch = (id, effect) => this.#note(`${id} ${effect.kind}`);
  }

  run(steps: number): Outcome {
    for (let step = 0; step < steps; step++) this.#disturbedStep();
    this.#heal();
    return {
      steps,
      committed: this.#cluster.history.committedBatches.length,
      epochs: Object.keys(this.#cluster.history.leaders).length,
      crashes: this.#crashes,
      voterChanges: this.#voterChanges,
      snapshots: this.#snapshots,
      hash: this.#hash,
    };
  }

  #disturbedStep(): void {
    const random = this.#random;
    const choice = random.below(1000);
    if (choice < 600) this.#deliverOne();
    else if (choice < 780) this.#passTime(random.pick(this.#ids));
    else if (choice < 820) this.#cluster.beginSync(random.pick(this.#ids));
    else if (choice < 870) this.#cluster.flush(random.pick(this.#ids));
    else if (choice < 945) this.#append();
    else if (choice < 955) this.#crashSoon(random.pick(this.#ids));
    else if (choice < 967) this.#startOne();
    else if (choice < 975) this.#changeCuts();
    else if (choice < 985) this.#snapshot(random.pick(this.#ids));
    else if (choice < 995) this.#changeVoters();
    else this.#resign(random.pick(this.#ids));
    this.#expectNoFault();
  }

  #deliverOne(): void {
    const { messages } = this.#cluster;
    if (messages.length === 0) return;
    const random = this.#random;
    // Mostly in order, as connections have it; now and then anything.
    const index = random.chance(0.7) ? 0 : random.below(messages.length);
    const message = messages[index]!;
    if (!random.chance(this.#doubling)) messages.splice(index, 1);
    if (random.chance(this.#loss) || this.#cut.has(`${message.from}-${message.to}`)) {
      this.#lose(message);
    } else {
      this.#cluster.deliver(message);
    }
    if (messages.length > 200) messages.splice(0, 100);
  }

  /** Half of those that are lost are known to be: the connection breaks. */
  #lose({ from, to, requestId, request }: Message): void {
    if (!this.#random.chance(0.5)) return;
    if (request === null) this.#cluster.step(to, { kind: "failed", requestId });
    else if (from !== CLIENT) {
      // Its machine may say that nobody listens, and be mistaken.
      const isUnreachable = this.#random.chance(0.5);
      this.#cluster.step(from, { kind: "failed", requestId, isUnreachable });
    }
  }

  #passTime(id: number): void {
    const node = this.#cluster.node(id);
    if (node.state === null) return;
    const random = this.#random;
    const untilTimer = nextTickAtMs(node.state, node.nowMs) - node.nowMs;
    const passedMs = random.chance(0.5) ? untilTimer : random.below(300);
    if (passedMs > 1e9) return;
    this.#cluster.tick(id, node.nowMs + passedMs);
  }

  #append(): void {
    const leaders = this.#ids.filter((id) => this.#cluster.node(id).state?.role.name === "leader");
    if (leaders.length > 0) this.#cluster.append(this.#random.pick(leaders), ++this.#payload);
  }

  /** At once, or between two effects of a step to come. */
  #crashSoon(id: number): void {
    this.#crashes++;
    const cluster = this.#cluster;
    const keep = this.#random.below(3);
    if (this.#random.chance(0.5)) {
      cluster.crashAfter = this.#random.below(4);
      this.#deliverOne();
      cluster.crashAfter = null;
    }
    cluster.crash(id, keep);
  }

  #startOne(): void {
    const down = this.#ids.filter((id) => this.#cluster.node(id).state === null);
    if (down.length > 0) this.#cluster.start(this.#random.pick(down));
  }

  #changeCuts(): void {
    const random = this.#random;
    this.#cut = new Set();
    if (random.chance(0.4)) return;
    for (const from of this.#ids) {
      for (const to of this.#ids) if (random.chance(0.3)) this.#cut.add(`${from}-${to}`);
    }
  }

  #snapshot(id: number): void {
    const { state } = this.#cluster.node(id);
    if (state === null || state.loadingSnapshot !== null) return;
    if (state.log.highWatermark <= state.log.startOffset) return;
    const ends = this.#cluster
      .node(id)
      .log.batches.map(({ endOffset }) => endOffset)
      .filter((offset) => offset <= state.log.highWatermark);
    if (ends.length === 0) return;
    this.#snapshots++;
    this.#cluster.takeSnapshot(id, this.#random.pick(ends), this.#random.chance(0.6));
  }

  #changeVoters(): void {
    if (!this.#isDynamic) return;
    const random = this.#random;
    const to = random.pick(this.#ids);
    const id = random.pick(this.#ids);
    const { state } = this.#cluster.node(to);
    if (state === null) return;
    const voters = lastVoters(state.quorum);
    // As in Kafka: one of two voters that has written its own removal, and then lost the lead, does
    // not stand for election, and is not outvoted either.
    if (voters.size === 2 && id === to) return;
    this.#voterChanges++;
    const { directoryId, endpoints } = voterOf(id);
    const voter = { clusterId: CLUSTER_ID, voterId: id, voterDirectoryId: directoryId };
    const requestId = this.#requestId++;
    if (voters.has(id)) {
      this.#cluster.ask(to, requestId, { kind: "removeVoter", ...voter });
      return;
    }
    const ackWhenCommitted = random.chance(0.5);
    const add = { ...voter, endpoints, timeoutMs: 1000, ackWhenCommitted };
    this.#cluster.ask(to, requestId, { kind: "addVoter", ...add });
  }

  #resign(id: number): void {
    const { state } = this.#cluster.node(id);
    if (state !== null) {
      this.#cluster.step(id, { kind: "resign", epoch: state.election.leaderEpoch });
    }
  }

  /** All up, nothing lost: something new must be committed, and be with everybody. */
  #heal(): void {
    const cluster = this.#cluster;
    this.#cut = new Set();
    cluster.isFlushedAtOnce = true;
    for (const id of this.#ids) if (cluster.node(id).state === null) cluster.start(id);
    for (const id of [...this.#ids, ...this.#ids]) cluster.flush(id);
    const before = cluster.history.committedEnd;
    let quiet = 0;
    for (let step = 0; step < HEAL_STEPS_MAX; step++) {
      if (cluster.messages.length > 0) {
        cluster.deliver(cluster.messages.shift()!);
      } else {
        if (quiet++ % 5 === 0) this.#append();
        this.#passTimeForAll();
      }
      this.#expectNoFault();
      if (this.#isHealed(before)) return;
    }
    const roles = this.#ids.map((id) => `${id} ${cluster.state(id).role.name}`).join(", ");
    throw new Error(`not healed: ${roles}, committed ${cluster.history.committedEnd}`);
  }

  #passTimeForAll(): void {
    const timers = this.#ids.map((id) => {
      const node = this.#cluster.node(id);
      return nextTickAtMs(this.#cluster.state(id), node.nowMs) - node.nowMs;
    });
    const passedMs = Math.min(...timers);
    for (const id of this.#ids) this.#cluster.tick(id, this.#cluster.node(id).nowMs + passedMs);
  }

  #isHealed(before: number): boolean {
    const { history } = this.#cluster;
    if (history.committedEnd <= before + 1) return false;
    return this.#ids.every((id) => {
      const { log, role } = this.#cluster.state(id);
      const isSettled = role.name === "leader" || role.name === "follower";
      return isSettled && log.highWatermark > before + 1;
    });
  }

  #expectNoFault(): void {
    const [fault] = this.#cluster.faults;
    if (fault !== undefined) throw new Error(fault);
  }

  #note(text: string): void {
    this.#hash = Bun.hash.crc32(text, this.#hash);
  }
}
