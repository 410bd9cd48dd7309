/**
 * What the controller does without being asked:
 *
 *   idle        a NoOpRecord, so that others who read the log see that it is alive
 *   fence       other brokers that were not heard of
 *   balance     leadership back to first replicas
 *   unclean     a leader that may lack records, where a topic wants that rather than none
 *
 * The first two are for others: a node that is alone sets no timer for them, and is idle.
 */
import type { Logger } from "../base/logger.ts";
import type { Clock, Timer } from "../base/world.ts";
import { fenceStaleBroker } from "./controller/broker-heartbeat.ts";
import type { BrokerSessions } from "./controller/broker-sessions.ts";
import { type Command, divisible } from "./controller/command.ts";
import { balanceLeaders, electUncleanLeaders } from "./controller/elect-leaders.ts";
import type { MetadataImage } from "./image.ts";
import type { MetadataSettings } from "./metadata-settings.ts";

export interface TaskHost {
  readonly image: MetadataImage;
  readonly sessions: BrokerSessions;
  /** Whether anybody but this node reads the log. */
  readonly hasReaders: boolean;
  submit<Response>(command: Command<Response>): Promise<Response>;
}

export class ControllerTasks {
  readonly #host: TaskHost;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: MetadataSettings;
  readonly #timers = new Map<string, Timer>();
  #isRunning = false;
  #lastAppendMs = 0;

  constructor(host: TaskHost, clock: Clock, logger: Logger, settings: MetadataSettings) {
    this.#host = host;
    this.#clock = clock;
    this.#logger = logger;
    this.#settings = settings;
  }

  start(): void {
    const settings = this.#settings;
    this.#isRunning = true;
    this.othersCame();
    if (settings.autoLeaderRebalanceEnable) {
      const everyMs = settings.leaderImbalanceCheckIntervalMs;
      this.#repeat("balance", everyMs, () => this.#untilDone(balanceLeaders()));
    }
    const uncleanMs = settings.uncleanLeaderElectionIntervalMs;
    this.#repeat("unclean", uncleanMs, () => this.#untilDone(electUncleanLeaders()));
  }

  /** Records were written: the log is not idle, and may know more brokers. */
  appended(): void {
    this.#lastAppendMs = this.#clock.monotonicMs();
    this.othersCame();
  }

  /** There may be somebody now whom idle records or sessions are for. */
  othersCame(): void {
    if (this.#host.hasReaders && !this.#timers.has("idle")) {
      this.#idleIn(this.#settings.metadataMaxIdleIntervalMs);
    }
    if (this.#host.sessions.hasOthers && !this.#timers.has("fence")) this.#fenceLater();
  }

  stop(): void {
    this.#isRunning = false;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #idleIn(delayMs: number): void {
    if (delayMs === 0) return;
    this.#after("idle", delayMs, () => {
      const intervalMs = this.#settings.metadataMaxIdleIntervalMs;
      const idleMs = this.#clock.monotonicMs() - this.#lastAppendMs;
      if (idleMs < intervalMs) return this.#idleIn(intervalMs - idleMs);
      if (!this.#host.hasReaders) return;
      this.#idleIn(intervalMs);
      this.#submit(() => divisible([{ name: "NoOpRecord", version: 0, value: {} }], null));
    });
  }

  #fenceLater(): void {
    const { sessions } = this.#host;
    const everyMs = Math.max(1, this.#settings.brokerSessionTimeoutMs / 8);
    const dueMs = this.#clock.monotonicMs() + everyMs;
    this.#after("fence", everyMs, () => {
      // What others have sent meanwhile was not read: it is not they who were silent.
      const lateMs = this.#clock.monotonicMs() - dueMs;
      if (lateMs > everyMs) sessions.stoodStill(lateMs);
      if (sessions.hasOthers) this.#fenceLater();
      this.#fence();
    });
  }

  /** One by one: what follows from one is seen before the next. */
  #fence(): void {
    if (this.#host.sessions.findExpired(this.#host.image) === null) return;
    this.#submit(fenceStaleBroker(), (brokerId) => {
      if (brokerId === null) return;
      this.#logger.warn(`broker ${brokerId} is fenced: it was not heard of in time`);
      if (this.#isRunning) this.#fence();
    });
  }

  /** A task may stop before all is done, to let others have their turn. */
  #untilDone(command: Command<boolean>): void {
    this.#submit(command, (isMore) => {
      if (isMore) this.#untilDone(command);
    });
  }

  #submit<R>(command: Command<R>, then: (response: R) => void = () => {}): void {
    // A failure stops the node, which is told of it elsewhere.
    this.#host.submit(command).then(then, () => {});
  }

  #repeat(name: string, everyMs: number, work: () => void): void {
    this.#after(name, everyMs, () => {
      this.#repeat(name, everyMs, work);
      work();
    });
  }

  #after(name: string, delayMs: number, work: () => void): void {
    if (!this.#isRunning) return;
    const timer = this.#clock.schedule(delayMs, () => {
      this.#timers.delete(name);
      work();
    });
    this.#timers.set(name, timer);
  }
}
