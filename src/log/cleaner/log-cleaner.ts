/**
 * Keeps compacted logs compact: Kafka's LogCleaner and LogCleanerManager.
 *
 *   each of log.cleaner.threads:   choose the dirtiest log that is due -> clean it -> checkpoint
 *                                  -> old segments of compacted logs go -> again,
 *                                  or after log.cleaner.backoff.ms when none was due
 *
 *   a partition is   free -> cleaning -> free
 *                    free -> paused(n) -> free           pause, resume: each its own
 *                    cleaning -> stopping -> paused(1)   `pause` waits for the end of the piece
 *
 * The work is done by a thread, made when it is first needed and ended when it was idle for long.
 *
 * Invariant: whoever cuts, moves or deletes segments of a log has it paused, or is the cleaner.
 */
import { assert } from "../../base/assert.ts";
import { LazyThread } from "../../base/lazy-thread.ts";
import { Slices } from "../../base/slices.ts";
import type { Workers } from "../../base/world.ts";
import { DiskError } from "../../base/world.ts";
import { isCompacted } from "../log-config.ts";
import type { LogHost } from "../log-host.ts";
import type { Log } from "../log.ts";
import { type CleanableLog, cleanableLog, isDue } from "./cleanable-log.ts";
import { cleanLog, type CleanerThread, DamagedLog, PassGivenUp } from "./cleaning-pass.ts";
import { cleanerTask } from "./cleaner-task.ts";
import type { PassReply, PassRequest } from "./pass-messages.ts";
import { type PassReport, reportPass } from "./pass-report.ts";
import { Throttle } from "./throttle.ts";

/** Broker settings, by Kafka's names. Looked at whenever they count, so they may change. */
export interface CleanerSettings {
  readonly logCleanerBackoffMs: number;
  readonly logCleanerDedupeBufferSize: number;
  readonly logCleanerIoBufferLoadFactor: number;
  readonly logCleanerIoBufferSize: number;
  readonly logCleanerIoMaxBytesPerSecond: number;
  readonly logCleanerThreads: number;
}

export interface LogCleanerOptions {
  readonly host: LogHost;
  readonly workers: Workers;
  readonly settings: CleanerSettings;
  readonly logs: () => Iterable<Log>;
  /** Its records are on the way to another directory: both must stay alike. */
  readonly isHeld: (log: Log) => boolean;
  /** Of the log's directory: how far its logs are clean. */
  readonly checkpoint: (log: Log) => Promise<void>;
}

type Activity =
  | { readonly kind: "cleaning" }
  | { readonly kind: "stopping" }
  | { readonly kind: "paused"; readonly count: number };

/** A piece of a pass: a few milliseconds of a thread. */
const PIECE_BYTES_MAX = 1 << 20;
const BUFFER_BYTES_MIN = 4096;
const MAP_BYTES_MAX = 2 ** 31 - 1;

export class LogCleaner {
  /** Of the last pass. */
  lastReport: PassReport | null = null;
  /** The cleanable share of the dirtiest log, when it was last looked for. */
  dirtiestRatio = 0;
  readonly #options: LogCleanerOptions;
  readonly #throttle: Throttle;
  readonly #activities = new Map<string, Activity>();
  readonly #whenStopped = new Map<string, (() => void)[]>();
  readonly #lines = new Map<number, CleanerLine>();
  #isStarted = false;
  #isStopped = false;

  constructor(options: LogCleanerOptions) {
    this.#options = options;
    const { settings, host } = options;
    const rate = (): number => settings.logCleanerIoMaxBytesPerSecond;
    this.#throttle = new Throttle(rate, host.clock.monotonicMs());
  }

  start(): void {
    this.#isStarted = true;
    this.restart();
  }

  /** Settings have changed: what waits looks for work again, at once. */
  restart(): void {
    if (!this.#isStarted || this.#isStopped) return;
    const count = this.#options.settings.logCleanerThreads;
    for (let index = 0; index < count; index++) {
      const line = this.#lines.get(index);
      if (line !== undefined) line.wake();
      else this.#startLine(index);
    }
  }

  /** Passes under way are given up; nothing is written any more when it resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const line of this.#lines.values()) line.wake();
    await Promise.all([...this.#lines.values()].map((line) => line.ended));
  }

  /** Nothing of the partition is cleaned from when it resolves until `resume`. */
  async pause(name: string): Promise<void> {
    const activity = this.#activities.get(name);
    if (activity === undefined) {
      this.#activities.set(name, { kind: "paused", count: 1 });
    } else if (activity.kind === "paused") {
      this.#activities.set(name, { kind: "paused", count: activity.count + 1 });
    } else {
      this.#activities.set(name, { kind: "stopping" });
      // It may be held back by the throttle.
      for (const line of this.#lines.values()) line.wake();
      await new Promise<void>((resolve) => {
        this.#whenStopped.set(name, [...(this.#whenStopped.get(name) ?? []), resolve]);
      });
    }
  }

  /** Undoes one `pause`. */
  resume(name: string): void {
    const activity = this.#activities.get(name);
    assert(activity?.kind === "paused", "what goes on was paused");
    if (activity.count === 1) this.#activities.delete(name);
    else this.#activities.set(name, { kind: "paused", count: activity.count - 1 });
  }

  /** A pass under way is given up; another may begin. */
  abort(name: string): void {
    if (!this.isBusy(name)) return;
    void this.pause(name).then(() => this.resume(name));
  }

  /** A pass of it is under way. */
  isBusy(name: string): boolean {
    const kind = this.#activities.get(name)?.kind;
    return kind === "cleaning" || kind === "stopping";
  }

  #startLine(index: number): void {
    const { host, workers } = this.#options;
    const line = new CleanerLine(host, workers);
    this.#lines.set(index, line);
    line.ended = this.#run(index, line);
  }

  async #run(index: number, line: CleanerLine): Promise<void> {
    const { settings } = this.#options;
    while (!this.#isStopped && index < settings.logCleanerThreads) {
      const hasCleaned = await this.#cleanDirtiest(line);
      await this.#deleteOldSegments();
      if (!hasCleaned) await line.sleep(settings.logCleanerBackoffMs, () => this.#isStopped);
    }
    line.endThread();
    this.#lines.delete(index);
  }

  async #cleanDirtiest(line: CleanerLine): Promise<boolean> {
    const dirtiest = await this.#findDirtiest();
    if (dirtiest === null || this.#isStopped) return false;
    const { log } = dirtiest;
    const { name } = log.state;
    this.#activities.set(name, { kind: "cleaning" });
    const hasCleaned = await this.#clean(dirtiest, line);
    line.rest();
    this.#release(name);
    return hasCleaned;
  }

  async #findDirtiest(): Promise<CleanableLog | null> {
    const nowMs = this.#options.host.clock.wallMs();
    let dirtiest: CleanableLog | null = null;
    let ratioMax = 0;
    await this.#forEachCompacted((log) => {
      const cleanable = cleanableLog(log, nowMs);
      if (cleanable === null) return;
      ratioMax = Math.max(ratioMax, cleanable.ratio);
      const isDirtier = dirtiest === null || cleanable.ratio > dirtiest.ratio;
      if (isDirtier && isDue(cleanable)) dirtiest = cleanable;
    });
    this.dirtiestRatio = ratioMax;
    const chosen = dirtiest as CleanableLog | null;
    // Others ran meanwhile: the log may have been cut, or may be somebody else's now.
    if (chosen === null || !this.#isFree(chosen.log)) return null;
    return chosen.log.state.attempt(
      () => cleanableLog(chosen.log, nowMs),
      () => null,
    );
  }

  /** False when it makes no sense to try again at once. */
  async #clean(cleanable: CleanableLog, line: CleanerLine): Promise<boolean> {
    const { host, settings, checkpoint } = this.#options;
    const { log } = cleanable;
    const { state } = log;
    const threads = Math.max(1, settings.logCleanerThreads);
    const startMs = host.clock.monotonicMs();
    try {
      // What takes the place of older records, markers included, is there after any crash.
      await log.flush();
      this.#check(log);
      const result = await cleanLog(cleanable, {
        thread: line.thread,
        mapBytesMax: Math.min(settings.logCleanerDedupeBufferSize / threads, MAP_BYTES_MAX),
        mapLoadFactor: settings.logCleanerIoBufferLoadFactor,
        bufferBytes: Math.max(
          BUFFER_BYTES_MIN,
          Math.floor(settings.logCleanerIoBufferSize / threads / 2),
        ),
        pieceBytes: () => Math.max(1, Math.min(PIECE_BYTES_MAX, this.#throttle.pieceBytesMax)),
        mayGoOn: (bytes) => this.#mayGoOn(log, bytes, line),
      });
      state.cleanerOffset = result.endOffset;
      this.lastReport = { ...result, tookMs: host.clock.monotonicMs() - startMs };
      reportPass(host.logger, state.name, cleanable, this.lastReport);
      await checkpoint(log);
      return true;
    } catch (error) {
      this.#failed(log, error, line);
      return error instanceof PassGivenUp;
    }
  }

  /** Throws `PassGivenUp`. */
  async #mayGoOn(log: Log, bytes: number, line: CleanerLine): Promise<void> {
    const { clock } = this.#options.host;
    this.#check(log);
    const waitMs = this.#throttle.note(bytes, clock.monotonicMs());
    if (waitMs === 0) return;
    await line.sleep(waitMs, () => this.#isStopped || this.#isStopping(log));
    this.#check(log);
  }

  #check(log: Log): void {
    const { state } = log;
    const isGone = state.isClosed || state.failure !== null;
    const isWanted = isCompacted(state.config);
    if (this.#isStopped || isGone || !isWanted || this.#isStopping(log)) throw new PassGivenUp();
  }

  #failed(log: Log, error: unknown, line: CleanerLine): void {
    const { state } = log;
    const { logger } = this.#options.host;
    // What is not to be cleaned any more may be missing files, too.
    if (error instanceof PassGivenUp || state.isClosed || state.failure !== null) return;
    if (error instanceof DiskError) {
      // Nothing was lost: old segments may make room, or people.
      const isFull = error.code === "ENOSPC" || error.code === "EDQUOT";
      if (isFull) logger.warn(`${state.name} is not cleaned: ${error.message}`);
      else state.diskFailed(error);
      return;
    }
    if (!(error instanceof DamagedLog)) line.forgetThread();
    state.isUncleanable = true;
    const why = error instanceof Error ? error.message : String(error);
    logger.warn(`${state.name} is not cleaned any more before the next start: ${why}`);
  }

  /** What is before the logs' start, and what retention takes where both policies hold. */
  #deleteOldSegments(): Promise<void> {
    return this.#forEachCompacted((log) => void log.deleteOldSegments());
  }

  /** Of those that nobody works on. Lets others run between slices of the work. */
  async #forEachCompacted(visit: (log: Log) => void): Promise<void> {
    const { host, logs } = this.#options;
    const slices = new Slices(host.clock);
    for (const log of [...logs()]) {
      if (slices.isOver) await slices.next();
      if (this.#isStopped) return;
      if (!this.#isFree(log)) continue;
      log.state.attempt(
        () => visit(log),
        () => undefined,
      );
    }
  }

  #isFree(log: Log): boolean {
    const { state } = log;
    if (!isCompacted(state.config) || state.isUncleanable) return false;
    if (state.isClosed || state.failure !== null) return false;
    return !this.#activities.has(state.name) && !this.#options.isHeld(log);
  }

  #isStopping(log: Log): boolean {
    return this.#activities.get(log.state.name)?.kind === "stopping";
  }

  /** Whoever waits for the pass to end has the partition now. */
  #release(name: string): void {
    const waiting = this.#whenStopped.get(name) ?? [];
    this.#whenStopped.delete(name);
    if (waiting.length === 0) this.#activities.delete(name);
    else this.#activities.set(name, { kind: "paused", count: waiting.length });
    for (const resolve of waiting) resolve();
  }
}

/** One of log.cleaner.threads: its thread, and its sleep. */
class CleanerLine {
  ended: Promise<void> = Promise.resolve();
  readonly #host: LogHost;
  readonly #thread: LazyThread<PassRequest, PassReply>;
  #wake: (() => void) | null = null;

  constructor(host: LogHost, workers: Workers) {
    this.#host = host;
    this.#thread = new LazyThread(workers, host.clock, cleanerTask);
  }

  get thread(): CleanerThread {
    return this.#thread.use();
  }

  /** It has died, or does what nobody expects. */
  forgetThread(): void {
    this.endThread();
  }

  endThread(): void {
    this.#thread.end();
  }

  /** Until the time is over or somebody wakes it; not at all when there is no time for it. */
  async sleep(delayMs: number, isOver: () => boolean): Promise<void> {
    if (isOver()) return;
    await new Promise<void>((resolve) => {
      const timer = this.#host.clock.schedule(delayMs, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = null;
        timer.cancel();
        resolve();
      };
    });
  }

  wake(): void {
    this.#wake?.();
  }

  /** The pass is over: without another one soon, the memory goes. */
  rest(): void {
    this.#thread.rest();
  }
}
