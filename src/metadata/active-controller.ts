/**
 * The controller of a node that leads the metadata quorum: Kafka's QuorumController.
 *
 *   submit(command) -> records -> batches -> raft, and the working image        at once
 *                                              |
 *                                          committed -> the response leaves      later
 *
 * It decides on its working image, which runs ahead of the node's image by the records that are
 * not committed yet. Everyone else reads the image.
 *
 * A command of thousands of records takes several slices of time: those behind it wait for it, and
 * everything else on this node goes on.
 *
 * Invariants: a response leaves after its records and all before them; a command begins when all
 * before it are in the log and in the working image.
 */
import type { Logger } from "../base/logger.ts";
import type { Steps } from "../base/slices.ts";
import { StepsQueue } from "../base/steps-queue.ts";
import type { World } from "../base/world.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { batchSteps, fitsIntoBatch, intoBatches } from "../raft/raft-batch.ts";
import { NotLeaderError, type RaftNode } from "../raft/raft-node.ts";
import { ControllerTasks } from "./controller-tasks.ts";
import { BrokerSessions } from "./controller/broker-sessions.ts";
import type { Command, ControllerRules, ControllerState } from "./controller/command.ts";
import { DiscardedDelta } from "./delta.ts";
import type { MetadataImage } from "./image.ts";
import { NotControllerError, TooManyRecordsError } from "./metadata-errors.ts";
import type { MetadataSettings } from "./metadata-settings.ts";
import { type MetadataRecord, type NewRecord, decodeRecord, encodeRecord } from "./record.ts";

export interface ActiveControllerOptions {
  readonly world: World;
  readonly logger: Logger;
  readonly raft: RaftNode<readonly MetadataRecord[]>;
  /** That this node leads: nothing is written in another. */
  readonly epoch: number;
  /** Of committed records: all there are when the controller begins. */
  readonly image: MetadataImage;
  readonly rules: ControllerRules;
  readonly settings: MetadataSettings;
}

export class ActiveController {
  readonly image: MetadataImage;
  readonly sessions: BrokerSessions;
  readonly #options: ActiveControllerOptions;
  readonly #working: MetadataImage;
  readonly #tasks: ControllerTasks;
  readonly #commands: StepsQueue;
  #stopped: NotControllerError | null = null;

  constructor(options: ActiveControllerOptions) {
    const { world, logger, image, settings } = options;
    this.#options = options;
    this.image = image;
    this.#working = image.clone();
    this.#commands = new StepsQueue(world.clock);
    this.sessions = new BrokerSessions(world.clock, settings.brokerSessionTimeoutMs);
    this.#tasks = new ControllerTasks(this, world.clock, logger, settings);
  }

  /** Whether anybody but this node reads the log. */
  get hasReaders(): boolean {
    return this.#options.raft.hasReaders;
  }

  /** The epoch has begun: these are its first records. Resolves when they are committed. */
  activate(records: readonly NewRecord[]): Promise<void> {
    this.sessions.activate(this.#working, this.#options.rules.nodeId);
    return this.submit(() => ({ records, response: undefined, isAtomic: false }));
  }

  /** What it does by itself begins. */
  start(): void {
    this.#tasks.start();
  }

  /**
   * Runs a command. Resolves with its response when its records are committed, and all those it
   * may have seen; rejects with `TooManyRecordsError`, `NotControllerError`, or `ProtocolError`
   * where what a client says cannot be written.
   */
  submit<Response>(command: Command<Response>): Promise<Response> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    return this.#commands.run(() => this.#carryOut(command));
  }

  /** Another node reads the log. */
  wasRead(): void {
    this.#tasks.othersCame();
  }

  /** Whoever submits something is told the reason from now on. */
  stop(reason: NotControllerError): void {
    this.#stopped ??= reason;
    this.#tasks.stop();
  }

  *#carryOut<Response>(command: Command<Response>): Steps<Promise<Response>> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    const { raft } = this.#options;
    try {
      return yield* this.#steps(command);
    } catch (error) {
      raft.fail(error);
      return Promise.reject(this.#stopped);
    }
  }

  *#steps<Response>(command: Command<Response>): Steps<Promise<Response>> {
    const { raft, epoch, world } = this.#options;
    const state = this.#state();
    const decided = command(state);
    const { records, response, isAtomic } = "records" in decided ? decided : yield* decided;
    const values = yield* encodeAll(records);
    // Text of a client that is too long to be written: nothing has changed, and it alone pays.
    if (values instanceof ProtocolError) return Promise.reject(values);
    if (values.length === 0) return this.#after([raft.whenAllCommitted(epoch)], response);
    const batches = isAtomic ? [values] : intoBatches(values);
    if (!batches.every(fitsIntoBatch)) {
      return Promise.reject(new TooManyRecordsError(`${values.length} records at once`));
    }
    const decoded = yield* decodeAll(values);
    const timestamp = world.clock.wallMs();
    const encoded: Buffer[] = [];
    for (const batch of batches) encoded.push(yield* batchSteps(batch, timestamp));
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    if (raft.endOffset !== state.nextOffset) return Promise.reject(new NotControllerError(MOVED));
    const commits: Promise<void>[] = [];
    let count = 0;
    for (const [index, { length }] of batches.entries()) {
      const from = count;
      count += length;
      const commit = yield* this.#append(encoded[index]!, decoded.slice(from, count));
      // Whoever waits for all of them hears of it, but perhaps in a later turn.
      commit.catch(() => {});
      commits.push(commit);
    }
    return this.#after(commits, response);
  }

  /** Leadership may be lost meanwhile: whether the records will be committed is not known then. */
  #after<Response>(commits: readonly Promise<void>[], response: Response): Promise<Response> {
    return Promise.all(commits).then(
      () => response,
      (error: unknown) => {
        if (this.#stopped !== null) throw this.#stopped;
        throw error instanceof NotLeaderError ? new NotControllerError(error.message) : error;
      },
    );
  }

  #state(): ControllerState {
    const { world, raft, rules } = this.#options;
    return {
      image: this.#working,
      rules,
      sessions: this.sessions,
      nextOffset: raft.endOffset,
      kraftVersion: raft.kraftVersion,
      random: world.random,
    };
  }

  /** One batch: its records take effect on the working image as they will on replay. */
  *#append(bytes: Buffer, records: readonly MetadataRecord[]): Steps<Promise<void>> {
    const { raft, epoch } = this.#options;
    const baseOffset = raft.endOffset;
    const committed = raft.append(epoch, bytes, records);
    // What changes in the working image is told to nobody.
    const delta = new DiscardedDelta();
    for (const [index, record] of records.entries()) {
      if (!isOfTransaction(record)) this.#working.apply(record, baseOffset + index, delta);
      if (isEndOfStep(index)) yield;
    }
    this.#tasks.appended();
    return committed;
  }
}

/** Between the steps of a long command; whoever asked asks again. */
const MOVED = "the quorum has changed while this was decided";
const RECORDS_A_STEP = 64;

function isEndOfStep(index: number): boolean {
  return index % RECORDS_A_STEP === RECORDS_A_STEP - 1;
}

const TRANSACTION_RECORDS: ReadonlySet<string> = new Set([
  "BeginTransactionRecord",
  "EndTransactionRecord",
  "AbortTransactionRecord",
]);

/** The controller writes a transaction whole or not at all: its own image needs no marks. */
function isOfTransaction(record: MetadataRecord): boolean {
  return TRANSACTION_RECORDS.has(record.name);
}

function* encodeAll(records: readonly NewRecord[]): Steps<Buffer[] | ProtocolError> {
  const values: Buffer[] = [];
  try {
    for (const [index, record] of records.entries()) {
      values.push(encodeRecord(record));
      if (isEndOfStep(index)) yield;
    }
    return values;
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

function* decodeAll(values: readonly Buffer[]): Steps<MetadataRecord[]> {
  const records: MetadataRecord[] = [];
  for (const [index, value] of values.entries()) {
    records.push(decodeRecord(value));
    if (isEndOfStep(index)) yield;
  }
  return records;
}
