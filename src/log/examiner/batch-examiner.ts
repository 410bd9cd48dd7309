/**
 * Batches whose records take long to look through, or to compress anew, go through threads, so that
 * the loop goes on.
 *
 *   examine -> waiting -> [ thread ] -> done(examination), at once
 *                         [ thread ]
 *
 * Batches come back in any order: whoever needs one waits with the next (partition/partition.ts).
 * Where a thread dies, the loop does its work: late is better than never.
 *
 * Invariants: a thread has one batch at a time, and its memory is the batch's until `done` returns;
 * what waits holds no memory but its own request's.
 */
import type { Logger } from "../../base/logger.ts";
import { LazyThread } from "../../base/lazy-thread.ts";
import { Queue } from "../../base/queue.ts";
import type { Clock, Workers } from "../../base/world.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import {
  type ExaminationConfig,
  type ExaminedBatch,
  examineRecords,
  type Examination,
  reject,
} from "../record-examination.ts";
import type { ExaminationReply, ExaminationRequest } from "./examination-messages.ts";
import { examinerTask } from "./examiner-task.ts";

export interface BatchExaminerOptions {
  readonly workers: Workers;
  readonly clock: Clock;
  readonly logger: Logger;
  /** num.io.threads: there are never more, nor more than the processor has room for. */
  readonly threadsMax: () => number;
}

export class BatchExaminer {
  readonly #options: BatchExaminerOptions;
  readonly #waiting = new Queue<Job>();
  readonly #lines: Line[] = [];
  #isStopped = false;
  #whenIdle: (() => void) | null = null;

  constructor(options: BatchExaminerOptions) {
    this.#options = options;
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  get threadCount(): number {
    return this.#lines.filter(({ thread }) => thread.isRunning).length;
  }

  /**
   * Calls `done` with what was found in the batch at `bytes[0...size]`, whose header is in order,
   * and resolves with what that returns. A batch made anew is there until `done` returns.
   */
  examine<T>(
    bytes: Buffer,
    size: number,
    batch: ExaminedBatch,
    done: (examination: Examination) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (examination: Examination): void => resolve(done(examination));
      this.#waiting.push({ bytes, size, batch, finish, fail: reject });
      this.#startSome();
    });
  }

  /** What waits is refused; nothing is under way when it resolves. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#startSome();
    if (this.#lines.some(({ isBusy }) => isBusy)) {
      await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    }
    for (const { thread } of this.#lines) thread.end();
  }

  #startSome(): void {
    while (this.#waiting.length > 0) {
      if (this.#isStopped) {
        this.#waiting.shift().finish(reject(ErrorCode.KAFKA_STORAGE_ERROR, "The node stops"));
        continue;
      }
      const line = this.#idleLine();
      if (line === null) return;
      void this.#run(line, this.#waiting.shift());
    }
  }

  #idleLine(): Line | null {
    const idle = this.#lines.find(({ isBusy }) => !isBusy);
    if (idle !== undefined) return idle;
    const { workers, clock, threadsMax } = this.#options;
    // One core is the loop's.
    const linesMax = Math.max(1, Math.min(threadsMax(), workers.parallelism - 1));
    if (this.#lines.length >= linesMax) return null;
    const thread = new LazyThread(workers, clock, examinerTask);
    const line = { thread, input: new SharedArrayBuffer(0), isBusy: false };
    this.#lines.push(line);
    return line;
  }

  async #run(line: Line, job: Job): Promise<void> {
    line.isBusy = true;
    try {
      job.finish(await this.#examine(line, job));
    } catch (error) {
      job.fail(error);
    }
    line.isBusy = false;
    line.thread.rest();
    this.#startSome();
    if (this.#lines.every(({ isBusy }) => !isBusy)) this.#whenIdle?.();
  }

  async #examine(line: Line, { bytes, size, batch }: Job): Promise<Examination> {
    const { clock } = this.#options;
    try {
      const input = inputFor(line, size);
      new Uint8Array(input).set(bytes.subarray(0, size));
      const startMs = clock.monotonicMs();
      const reply = await line.thread.use().call({ input, size, batch: plain(batch) });
      return examinationOf(reply, clock.monotonicMs() - startMs);
    } catch (error) {
      // It has died; or there is a bug, which the loop meets too.
      line.thread.end();
      const why = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn(`Records of ${batch.topicPartition} hold the loop: ${why}`);
      return examineRecords(bytes, size, batch, clock);
    }
  }
}

interface Line {
  readonly thread: LazyThread<ExaminationRequest, ExaminationReply>;
  /** As large as its largest batch so far. */
  input: SharedArrayBuffer;
  isBusy: boolean;
}

interface Job {
  readonly bytes: Buffer;
  readonly size: number;
  readonly batch: ExaminedBatch;
  readonly finish: (examination: Examination) => void;
  readonly fail: (error: unknown) => void;
}

/** Of a thread that was ended the memory went with it. */
function inputFor(line: Line, size: number): SharedArrayBuffer {
  if (!line.thread.isRunning || line.input.byteLength < size) {
    line.input = new SharedArrayBuffer(Math.max(size, INPUT_SIZE_MIN));
  }
  return line.input;
}

const INPUT_SIZE_MIN = 1 << 20;

function examinationOf(reply: ExaminationReply, tookMs: number): Examination {
  switch (reply.kind) {
    case "kept":
      return reply.kept;
    case "rewritten": {
      const { output, size, temporaryBytes } = reply;
      return { rewritten: Buffer.from(output, 0, size), tookMs, temporaryBytes };
    }
    case "invalid":
      return reply.invalid;
  }
}

/** What a thread needs to know, and no more: all of it is copied. */
function plain({ config, topicPartition, nowMs }: ExaminedBatch): ExaminedBatch {
  const sent: ExaminationConfig = {
    cleanupPolicy: config.cleanupPolicy,
    compressionGzipLevel: config.compressionGzipLevel,
    compressionLz4Level: config.compressionLz4Level,
    compressionType: config.compressionType,
    compressionZstdLevel: config.compressionZstdLevel,
    maxMessageBytes: config.maxMessageBytes,
    messageTimestampAfterMaxMs: config.messageTimestampAfterMaxMs,
    messageTimestampBeforeMaxMs: config.messageTimestampBeforeMaxMs,
    messageTimestampType: config.messageTimestampType,
    segmentBytes: config.segmentBytes,
  };
  return { config: sent, topicPartition, nowMs };
}
