/** One broker on a fake machine over its lives, and wires of clients that outlive it. */
import { DiskError } from "../../src/base/world.ts";
import type { Api } from "../../src/protocol/schema.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";
import { Unanswered, type Wire } from "../consistency/wire.ts";
import type { FakeClock } from "./fake-clock.ts";
import type { FakeRandom } from "./fake-random.ts";
import { afterKill, afterPowerLoss, type FakeWorld } from "./fake-world.ts";

export type End = "kill" | "power loss" | "stop";

interface Life {
  readonly broker: TestBroker;
  /** Rejects when the process is gone: so do connections. */
  readonly died: Promise<never>;
  readonly die: () => void;
}

export class Machine {
  world: FakeWorld;
  life: Life | null = null;
  readonly #random: FakeRandom;

  constructor(world: FakeWorld, random: FakeRandom) {
    this.world = world;
    this.#random = random;
  }

  start(settings: Readonly<Record<string, string>>): TestBroker {
    const broker = startBroker(settings, this.world);
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {});
    this.life = { broker, died: promise, die: () => reject(new Unanswered("the broker died")) };
    return broker;
  }

  end(how: End): void {
    const { life } = this;
    if (life === null) return;
    this.life = null;
    if (how === "stop") stopOrCrash(life.broker);
    life.die();
    if (how !== "power loss") this.world = afterKill(this.world);
    else this.world = afterPowerLoss(this.world, this.#random.chance(0.5) ? "random" : "none");
  }
}

/** A disk that fails in the middle of a clean stop makes a crash of it. */
function stopOrCrash(broker: TestBroker): void {
  try {
    broker.stop();
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
  }
}

/** A file that cannot be read costs a client its connection. */
function asConnectionsEnd(error: unknown): never {
  throw error instanceof DiskError ? new Unanswered(error.message) : error;
}

export interface WireFaults {
  /** Share of requests and of answers that are lost. */
  readonly lossRate: number;
  /** Share of requests that arrive when their client has long given up waiting. */
  readonly lateRate: number;
}

const DELAY_MS_MAX = 15;
const REQUEST_TIMEOUT_MS = 1500;
const LATE_MS_MAX = 9000;
const RECONNECT_MS = 25;

export class FakeWire implements Wire {
  isClosing = false;
  faults: WireFaults;
  readonly #machine: Machine;
  readonly #clock: FakeClock;
  readonly #random: FakeRandom;

  /** `clock` is of no life of the machine. */
  constructor(machine: Machine, clock: FakeClock, random: FakeRandom, faults: WireFaults) {
    this.#machine = machine;
    this.#clock = clock;
    this.#random = random;
    this.faults = faults;
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.#clock.schedule(delayMs, resolve));
  }

  wallMs(): number {
    return this.#clock.wallMs();
  }

  async ask<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Promise<R> {
    while (this.#machine.life === null) await this.sleep(RECONNECT_MS);
    const { life } = this.#machine;
    const { lossRate, lateRate } = this.faults;
    const random = this.#random;
    const isLost = random.chance(lossRate);
    const delayMs = random.chance(lateRate)
      ? random.between(REQUEST_TIMEOUT_MS, LATE_MS_MAX)
      : random.below(DELAY_MS_MAX);
    const isAnswerLost = random.chance(lossRate);
    const answer = this.sleep(delayMs).then(() => {
      // It was under way on a connection to a process that is gone.
      if (isLost || this.#machine.life !== life) return this.#never<R>();
      return life.broker.asker.quietly(api, version, request).catch(asConnectionsEnd);
    });
    const timeout = this.sleep(REQUEST_TIMEOUT_MS).then(() => {
      throw new Unanswered("no answer in time");
    });
    // Those that lose the race may fail later, unheard.
    answer.catch(() => {});
    timeout.catch(() => {});
    const heard = await Promise.race([answer, timeout, life.died]);
    return isAnswerLost ? Promise.race([timeout, life.died]) : heard;
  }

  #never<T>(): Promise<T> {
    return new Promise(() => {});
  }
}
