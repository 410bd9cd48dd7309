/**
 * Our log beside Apache Kafka's own, through the same random work: appends of idempotent and
 * transactional producers, markers, rolls, truncations, searches, stops and kills. Every answer
 * must be the same, and after every stop every byte of every file.
 *
 *   bun test/compat/log/compare-logs.ts [--seeds 100] [--from 0] [--swap] [--kill] [--delete]
 *     [--transactions] [--compact [--codecs]]
 *
 * With --swap each opens what the other left; with --kill some lives end without a stop. With
 * --delete the log's start moves too, and only records and their indexes are compared: Kafka forgets
 * at a restart which producers had their batches below the start, and that their transactions began
 * there (compare-producers.ts says where). We keep both. From then on a last stable offset, a
 * sequence, what the cleaner may reach and which markers and empty batches it keeps may differ; a
 * seed that differs there, and nowhere before, is counted as parted. With --transactions nearly everything is one: verifications, markers of both versions
 * and of several coordinators, a high watermark that lags, and readers of committed records; it
 * goes with --swap and --kill. With --compact the topic is compacted, and Kafka's Cleaner and ours go over the same
 * logs in between, with offset maps of any size. What is left of a compressed batch is compressed
 * anew, and no two libraries make the same bytes of it: with --codecs too, what is in the batches is
 * compared, and not their sizes.
 */
import { Histogram } from "../../../src/base/histogram.ts";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { silentLogger } from "../../../src/base/logger.ts";
import { realDisk } from "../../../src/base/real-disk.ts";
import { realWorkers } from "../../../src/base/real-workers.ts";
import type { Clock } from "../../../src/base/world.ts";
import { BatchExaminer } from "../../../src/log/examiner/batch-examiner.ts";
import { FileHandles } from "../../../src/log/file-handles.ts";
import type { Log } from "../../../src/log/log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../../src/log/log-config.ts";
import { cleanableLog } from "../../../src/log/cleaner/cleanable-log.ts";
import type { LogHost } from "../../../src/log/log-host.ts";
import type { Verification } from "../../../src/log/verifications.ts";
import { openLog } from "../../../src/log/log-loader.ts";
import { ValidationStats } from "../../../src/log/validation-stats.ts";
import { WorkQueue } from "../../../src/log/work-queue.ts";
import { isCompressionType } from "../../../src/protocol/compression.ts";
import { buildEndTransactionMarker } from "../../../src/protocol/control-record.ts";
import { errorName } from "../../../src/protocol/error-code.ts";
import { batchSize, lastOffset } from "../../../src/protocol/record-batch.ts";
import { buildBatch } from "../../../src/protocol/record-batch-builder.ts";
import { FakeRandom } from "../../sim/fake-random.ts";
import { runPass } from "../../log/cleaner/run-pass.ts";
import { installKafka } from "../harness/install.ts";
import { compareBatches, compareFiles } from "./compare-files.ts";
import { describeProducers, hasKafkaForgotten } from "./compare-producers.ts";
import { Reference } from "./reference.ts";

const { values: flags } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "0" },
    swap: { type: "boolean", default: false },
    kill: { type: "boolean", default: false },
    delete: { type: "boolean", default: false },
    transactions: { type: "boolean", default: false },
    compact: { type: "boolean", default: false },
    codecs: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const LIVES = 3;
/** Sizes play no part where they differ. */
const SEGMENT_BYTES = flags.codecs ? 1_000_000 : 6000;
const START_MS = 1_700_000_000_000;
const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAABQ";

/** One seed: three lives of both logs. */
class Comparison {
  readonly #reference: Reference;
  readonly #random: FakeRandom;
  readonly #root: string;
  readonly #config: LogConfig;
  readonly #trace: string[] = [];
  readonly #sequences = new Map<number, number>();
  readonly #epochs = new Map<number, number>();
  readonly #open = new Set<number>();
  /** By name; what was started for a producer, whether it is good still or not. */
  readonly #verifications = new Map<string, Verification>();
  readonly #verifies: boolean;
  #starts: number[] = [];
  #leaderEpoch = 0;
  #nowMs = START_MS;
  /** Kafka has forgotten at a restart what we know of producers below the log's start. */
  hasParted = false;
  #log: Log | null = null;
  #host: LogHost | null = null;

  constructor(reference: Reference, seed: number, root: string) {
    this.#reference = reference;
    this.#random = new FakeRandom(seed);
    this.#root = root;
    this.#verifies = flags.transactions && this.#below(4) > 0;
    const pick = <T>(...choices: T[]): T => choices[this.#below(choices.length)]!;
    this.#config = {
      ...DEFAULT_LOG_CONFIG,
      segmentBytes: SEGMENT_BYTES,
      indexIntervalBytes: 300,
      segmentIndexBytes: flags.codecs ? 10_485_760 : pick(200, 10_485_760),
      messageTimestampType: pick("CreateTime", "CreateTime", "LogAppendTime"),
      compressionType: pick("producer", "producer", "uncompressed"),
      segmentMs: pick(300, 604_800_000, 604_800_000),
      retentionBytes: flags.codecs ? -1 : pick(8000, -1),
      retentionMs: pick(1000, -1),
      cleanupPolicy: flags.compact ? pick(["compact"], ["compact", "delete"]) : ["delete"],
      deleteRetentionMs: flags.compact ? pick(0, 300, 3000) : 86_400_000,
    };
  }

  get trace(): string {
    return this.#trace.slice(-40).join("\n");
  }

  async run(): Promise<void> {
    const { segmentIndexBytes, messageTimestampType, compressionType } = this.#config;
    const settings = {
      "internal.segment.bytes": SEGMENT_BYTES,
      "index.interval.bytes": 300,
      "segment.index.bytes": segmentIndexBytes,
      "message.timestamp.type": messageTimestampType,
      "compression.type": compressionType,
      "segment.ms": this.#config.segmentMs,
      "retention.bytes": this.#config.retentionBytes,
      "retention.ms": this.#config.retentionMs,
      "cleanup.policy": this.#config.cleanupPolicy.join(","),
      "delete.retention.ms": this.#config.deleteRetentionMs,
    };
    for (const [name, value] of Object.entries(settings)) {
      await this.#reference.ask(`config ${name} ${value}`);
    }
    await this.#reference.ask(`verifies ${this.#verifies}`);
    await this.#reference.ask(`lags ${flags.transactions}`);
    await this.#openBoth(true, 0, 0);
    for (let life = 0; life < LIVES; life++) {
      const steps = this.#below(60);
      for (let step = 0; step < steps; step++) await this.#step();
      const { logStartOffset, logEndOffset } = this.#ours;
      const isKilled = flags.kill && this.#below(2) === 0;
      await (isKilled ? this.#killBoth() : this.#closeBoth());
      if (flags.swap) this.#swap();
      const isClean = !isKilled && this.#below(2) === 0;
      const recoveryPoint = isClean ? logEndOffset : this.#below(logEndOffset + 1);
      const { cleanerOffset } = this.#ours.state;
      await this.#openBoth(isClean, recoveryPoint, logStartOffset);
      this.#ours.state.cleanerOffset = cleanerOffset;
      this.#limitCleanerOffset();
    }
    await this.#closeBoth();
  }

  get #ours(): Log {
    if (this.#log === null) throw new Error("no log is open");
    return this.#log;
  }

  #below(bound: number): number {
    return this.#random.below(bound);
  }

  /** The same of both; any two errors are the same, but of transactions. */
  async #both(line: string, ours: (theirs: string) => string | Promise<string>): Promise<void> {
    const theirs = await this.#reference.ask(line);
    const answer = await ours(theirs);
    this.#trace.push(`${line.slice(0, 150)}\n   ${theirs} | ${answer}`);
    const areErrors = theirs.startsWith("error") && answer.startsWith("error");
    if (theirs === answer || (areErrors && !flags.transactions)) return;
    throw new Error(`${line.slice(0, 100)}\n  Kafka ${theirs}\n  ours  ${answer}`);
  }

  async #openBoth(isClean: boolean, recoveryPoint: number, logStartOffset: number): Promise<void> {
    const state = isClean ? "clean" : "unclean";
    const line = `open ${this.#root}/k/t-0 ${state} ${recoveryPoint} ${logStartOffset} ${TOPIC_ID}`;
    await this.#both(line, async () => {
      this.#host = this.#newHost();
      const log = await openLog(this.#host, {
        directory: `${this.#root}/b/t-0`,
        topic: "t",
        partition: 0,
        config: this.#config,
        recoveryPoint: recoveryPoint === 0 ? null : recoveryPoint,
        logStartOffset,
        wasCleanlyStopped: isClean,
      });
      log.assignTopicId(TOPIC_ID);
      this.#log = log;
      return `opened ${log.logStartOffset} ${log.logEndOffset} ${log.segmentCount}`;
    });
    await this.#commitAll();
    if (flags.delete) await this.#noteForgotten();
  }

  async #noteForgotten(): Promise<void> {
    const [, ...theirs] = (await this.#reference.ask("producers")).split("; ");
    if (hasKafkaForgotten(this.#root, theirs, this.#ours)) this.hasParted = true;
  }

  /**
   * What a transaction held back is forgotten when Kafka reads a snapshot, and held back too long
   * when it replays: only with all committed both say the same.
   */
  async #commitAll(): Promise<void> {
    if (flags.transactions) await this.#moveHighWatermark(this.#ours.logEndOffset);
  }

  #newHost(): LogHost {
    const disk = realDisk();
    const clock: Clock = {
      wallMs: () => this.#nowMs,
      monotonicMs: () => this.#nowMs,
      schedule: () => ({ cancel: () => undefined }),
      afterTurn: (callback) => void setImmediate(callback),
      soon: (callback) => void setImmediate(callback),
    };
    const [workers, logger, threadsMax] = [realWorkers(), silentLogger, () => 1];
    return {
      disk,
      clock,
      random: this.#random,
      logger,
      examiner: new BatchExaminer({ workers, clock, logger, threadsMax }),
      handles: new FileHandles(disk, 1000),
      background: new WorkQueue(4),
      flushesUs: new Histogram(),
      validation: new ValidationStats(),
      producerIdExpirationMs: 86_400_000,
      verifiesTransactions: this.#verifies,
      schedule: () => undefined,
      warmed: () => undefined,
      segmentFlushed: () => undefined,
      directoryFailed: (_, error) => {
        throw error;
      },
    };
  }

  async #closeBoth(): Promise<void> {
    await this.#both("close", async () => {
      await this.#ours.close();
      return `closed ${this.#ours.recoveryPoint}`;
    });
    if (flags.codecs) compareBatches(this.#root);
    else compareFiles(this.#root, flags);
  }

  async #killBoth(): Promise<void> {
    await this.#both("kill", async () => {
      this.#ours.state.isClosed = true;
      await this.#host?.background.whenIdle();
      return "ok";
    });
  }

  #swap(): void {
    const names = ["k", "b", "x"].map((name) => `${this.#root}/${name}/t-0`);
    mkdirSync(`${this.#root}/x`, { recursive: true });
    renameSync(names[0]!, names[2]!);
    renameSync(names[1]!, names[0]!);
    renameSync(names[2]!, names[1]!);
  }

  async #step(): Promise<void> {
    this.#nowMs += this.#below(40);
    await this.#reference.ask(`now ${this.#nowMs}`);
    const act = this.#below(100);
    const log = this.#ours;
    if (flags.transactions && this.#below(2) === 0) return this.#transact();
    if (flags.compact && this.#below(15) === 0) await this.#clean();
    else if (act < 70) await this.#produce();
    else if (act < 80) await this.#mark();
    else if (act < 83) this.#bumpProducerEpoch();
    else if (act < 85) this.#leaderEpoch += 1 + this.#below(2);
    else if (act < 88) await this.#roll();
    else if (act < 92) await this.#delete();
    else if (act < 95) await this.#searchTime();
    else if (act < 97) {
      const epoch = this.#below(this.#leaderEpoch + 2);
      await this.#both(`end ${epoch}`, () => {
        const found = log.endOffsetFor(epoch);
        return found.endOffset === -1 ? "end none" : `end ${found.epoch} ${found.endOffset}`;
      });
    } else if (act < 98) await this.#truncate();
    else {
      await this.#both("flush", async () => {
        await log.flush();
        return "ok";
      });
    }
  }

  /** What only transactions have. */
  async #transact(): Promise<void> {
    const log = this.#ours;
    const act = this.#below(10);
    if (act < 3) return this.#mark();
    if (act < 5) {
      const { highWatermark, logEndOffset } = log;
      return this.#moveHighWatermark(highWatermark + this.#below(logEndOffset - highWatermark + 1));
    }
    if (act < 8) {
      const { logStartOffset, logEndOffset } = log;
      const offset = logStartOffset + this.#below(logEndOffset - logStartOffset + 1);
      return this.#readCommitted(offset, 1 + this.#below(3000));
    }
    if (act === 8 && this.#below(5) === 0) {
      return this.#both("expire", () => {
        log.removeExpiredProducers(this.#nowMs);
        return "expired";
      });
    }
    return this.#both("producers", () => ["producers", ...describeProducers(log)].join("; "));
  }

  /**
   * Kafka may name transactions that are aborted behind the records: where the first entry of an
   * index is the very end of the read it takes the next one, and after a kill it finds zeros there.
   */
  async #readCommitted(offset: number, sizeMax: number): Promise<void> {
    const log = this.#ours;
    const line = `read ${offset} ${sizeMax}`;
    const [, size, ...theirs] = (await this.#reference.ask(line)).split(" ");
    const slice = await log.read(offset, sizeMax, log.lastStableOffset, true);
    const aborted = log.abortedTransactions(offset, slice);
    const bytes = await slice.read();
    slice.release();
    let end = offset;
    for (let at = 0; at + 61 <= bytes.length; at += batchSize(bytes, at)) {
      end = lastOffset(bytes, at) + 1;
    }
    const ours = aborted!.map((each) => `${each.producerId}:${each.firstOffset}`);
    const needed = theirs.filter((each) => Number(each.split(":")[1]) < end);
    const isSame =
      Number(size) === slice.size &&
      needed.every((each) => ours.includes(each)) &&
      ours.every((each) => theirs.includes(each));
    const answers = `Kafka ${size} ${theirs.join(" ")}\n  ours  ${slice.size} ${ours.join(" ")}`;
    if (!isSame) throw new Error(`${line}\n  ${answers}`);
  }

  #moveHighWatermark(offset: number): Promise<void> {
    const log = this.#ours;
    return this.#both(`watermark ${offset}`, () => {
      log.advanceHighWatermark(offset);
      return `watermark ${log.highWatermark} ${log.lastStableOffset}`;
    });
  }

  /** The name of what was started for the producer, or one that nothing was started for. */
  async #verify(producerId: number, sequence: number, epoch: number): Promise<string> {
    if (!flags.transactions || this.#below(10) === 0) return `old${this.#below(50)}`;
    const name = `old${this.#below(50)}`;
    const bumps = producerId % 2 === 0;
    await this.#both(`verify ${name} ${producerId} ${sequence} ${epoch} ${bumps}`, () => {
      const started = this.#ours.startVerification(producerId, sequence, epoch, bumps);
      if (started === null) return "open";
      if ("errorCode" in started) return `error ${errorName(started.errorCode)}`;
      this.#verifications.set(name, started);
      return "started";
    });
    return name;
  }

  async #produce(): Promise<void> {
    const isNobodys = this.#below(flags.transactions ? 10 : 3) === 0;
    const producerId = isNobodys ? -1 : 1000 + this.#below(flags.transactions ? 8 : 4);
    const isIdempotent = producerId !== -1;
    const isPlain = flags.compact ? !flags.codecs : this.#below(5) > 0;
    const codec = isPlain ? 0 : 1 + this.#below(4);
    const gap = this.#below(30) === 0 ? 5 : 0;
    const epoch = isIdempotent ? (this.#epochs.get(producerId) ?? 0) : -1;
    const sequence = isIdempotent ? (this.#sequences.get(producerId) ?? 0) + gap : -1;
    const bytes = buildBatch({
      records: Array.from({ length: 1 + this.#below(4) }, (_, index) => ({
        timestamp: this.#nowMs - this.#below(100),
        key: this.#key(index),
        value: this.#value(),
        headers: this.#below(4) > 0 ? [] : [{ key: "h", value: Buffer.from("x") }],
      })),
      ...(isCompressionType(codec) ? { compression: codec } : {}),
      producerId,
      producerEpoch: epoch,
      baseSequence: sequence,
      isTransactional: producerId >= 1002,
    });
    const name = producerId >= 1002 ? await this.#verify(producerId, sequence, epoch) : "none";
    const times = this.#below(20) === 0 ? 2 : 1;
    for (let time = 0; time < times; time++) {
      const appended = await this.#append("CLIENT", bytes, -1, name);
      if (!appended || !isIdempotent) continue;
      this.#sequences.set(producerId, bytes.readInt32BE(53) + bytes.readInt32BE(57));
      if (producerId >= 1002) this.#open.add(producerId);
    }
  }

  #key(index: number): Buffer | null {
    if (flags.compact) return Buffer.from(`key ${this.#below(60)}`);
    return this.#below(2) === 0 ? null : Buffer.from(`k${index}`);
  }

  #value(): Buffer | null {
    if (flags.compact && this.#below(4) === 0) return null;
    return Buffer.from("v".repeat(this.#below(300)));
  }

  async #clean(): Promise<void> {
    const log = this.#ours;
    const mapBytes = [100, 400, 1 << 20][this.#below(3)]!;
    const firstDirty = Math.max(0, log.state.cleanerOffset);
    const line = `clean ${firstDirty} ${mapBytes} ${flags.codecs ? "unsized" : "sized"}`;
    await this.#both(line, async () => {
      const { logStartOffset } = log;
      const start = Math.max(firstDirty, logStartOffset);
      log.state.cleanerOffset = start;
      const found = cleanableLog(log, this.#nowMs);
      if (found === null) {
        const { baseOffset } = log.state.segments.first;
        return `clean ${start} ${baseOffset}${flags.codecs ? "" : " 0 0"}`;
      }
      const { firstUncleanableOffset, cleanableBytes, ratio } = found;
      const total = Math.round(cleanableBytes / ratio || this.#cleanBytes(start));
      const sizes = flags.codecs ? "" : ` ${cleanableBytes} ${total}`;
      const what = `${start} ${firstUncleanableOffset}${sizes}`;
      const passed = await runPass(log, this.#host!.disk, { mapBytesMax: mapBytes });
      if (passed === null) return `clean ${what}`;
      const { endOffset } = passed.result;
      const size = flags.codecs ? "" : ` ${log.size}`;
      return `cleaned ${what} to ${endOffset} ${log.segmentCount}${size}`;
    });
    if (flags.codecs) compareBatches(this.#root);
  }

  /** As whoever cuts a log does. */
  #limitCleanerOffset(): void {
    const { state } = this.#ours;
    state.cleanerOffset = Math.min(state.cleanerOffset, state.segments.active.baseOffset);
  }

  #cleanBytes(firstDirty: number): number {
    const clean = this.#ours.state.segments.all.filter((each) => each.baseOffset < firstDirty);
    return clean.reduce((total, segment) => total + segment.size, 0);
  }

  async #mark(): Promise<void> {
    const producerId = 1002 + this.#below(flags.transactions ? 6 : 2);
    const version = flags.transactions ? 1 + this.#below(2) : 1;
    const epoch = this.#epochs.get(producerId) ?? 0;
    const isOdd = flags.transactions && this.#below(8) === 0;
    const producerEpoch = version === 2 ? epoch + 1 - this.#below(isOdd ? 3 : 1) : epoch;
    const marker = buildEndTransactionMarker({
      isCommit: this.#below(2) === 0,
      producerId,
      producerEpoch: Math.max(0, producerEpoch),
      coordinatorEpoch: flags.transactions ? 1 + (this.#leaderEpoch >> 1) - (isOdd ? 1 : 0) : 1,
      timestamp: this.#nowMs,
    });
    if (!(await this.#append("COORDINATOR", marker, version, "none"))) return;
    this.#open.delete(producerId);
    if (producerEpoch === epoch) return;
    this.#epochs.set(producerId, Math.max(0, producerEpoch));
    this.#sequences.set(producerId, 0);
  }

  /** True when it was appended, and not refused or known already. */
  async #append(
    origin: "CLIENT" | "COORDINATOR",
    bytes: Buffer,
    version: number,
    name: string,
  ): Promise<boolean> {
    const log = this.#ours;
    let isNew = false;
    const words = [origin, this.#leaderEpoch, version, name, bytes.toString("hex")];
    await this.#both(`append ${words.join(" ")}`, () => {
      const start = log.logEndOffset;
      const result = log.appendAsLeader(Buffer.from(bytes), {
        leaderEpoch: this.#leaderEpoch,
        origin: origin === "CLIENT" ? "client" : "coordinator",
        nowMs: this.#nowMs,
        transactionVersion: version,
        verification: this.#verifications.get(name) ?? null,
      });
      if (!flags.transactions) log.advanceHighWatermark(log.logEndOffset);
      if (result.errorCode !== 0) return `error ${errorName(result.errorCode)}`;
      isNew = !result.isDuplicate;
      if (isNew) this.#starts.push(start);
      const { firstOffset, lastOffset, appendTimeMs } = result;
      const stable = flags.transactions ? -1 : log.lastStableOffset;
      return `ok ${firstOffset} ${lastOffset} ${appendTimeMs} ${stable}`;
    });
    return isNew;
  }

  #bumpProducerEpoch(): void {
    const producerId = 1000 + this.#below(4);
    if (this.#open.has(producerId)) return;
    this.#epochs.set(producerId, (this.#epochs.get(producerId) ?? 0) + 1);
    this.#sequences.set(producerId, 0);
  }

  async #roll(): Promise<void> {
    const log = this.#ours;
    if (log.state.segments.active.size === 0) return;
    await this.#both("roll", () => {
      log.roll();
      return `rolled ${log.segmentCount}`;
    });
  }

  async #delete(): Promise<void> {
    if (!flags.delete) return;
    const log = this.#ours;
    if (this.#below(2) === 0) {
      const retain = () => `retained ${log.deleteOldSegments()} ${log.logStartOffset}`;
      return this.#both("retain", retain);
    }
    const { logStartOffset, logEndOffset } = log;
    const offset = logStartOffset + this.#below(logEndOffset - logStartOffset + 1);
    await this.#both(`start ${offset}`, () => {
      const errorCode = log.advanceLogStartOffset(offset);
      if (errorCode !== 0) return `error ${errorName(errorCode)}`;
      return `start ${log.logStartOffset > logStartOffset}`;
    });
  }

  async #searchTime(): Promise<void> {
    const late = this.#nowMs - this.#below(500);
    const timestamp = [-1, -2, -3, -4, late, this.#nowMs - 20, this.#nowMs + 10][this.#below(7)]!;
    await this.#both(`time ${timestamp}`, async (theirs) => {
      const found = await this.#ours.offsetForTimestamp(timestamp);
      if (found === null || (theirs === "time none" && this.#isDeletedTime(timestamp))) {
        return "time none";
      }
      return `time ${found.timestamp} ${found.offset} ${found.leaderEpoch}`;
    });
  }

  /** Kafka gives up in the first segment that came to a time, where its records are deleted. */
  #isDeletedTime(timestamp: number): boolean {
    const { all } = this.#ours.state.segments;
    const searched = all.find((segment) => segment.largestTimestamp >= timestamp);
    return searched !== undefined && searched.baseOffset < this.#ours.logStartOffset;
  }

  /** Between batches, as leaders' logs part; never into an open transaction. */
  async #truncate(): Promise<void> {
    const log = this.#ours;
    const choices = this.#starts.filter((offset) => {
      return offset > log.logStartOffset && offset < log.logEndOffset;
    });
    if (this.#open.size > 0 || choices.length === 0) return;
    const offset = choices[this.#below(choices.length)]!;
    await this.#both(`truncate ${offset}`, () => {
      return `truncate ${log.truncateTo(offset)} ${log.logEndOffset}`;
    });
    await this.#commitAll();
    this.#starts = this.#starts.filter((start) => start < offset);
    this.#limitCleanerOffset();
    this.#sequences.clear();
    for (const entry of log.activeProducers()) {
      this.#sequences.set(entry.producerId, entry.lastSequence + 1);
      this.#epochs.set(entry.producerId, entry.epoch);
    }
  }
}

if (Bun.which("java") === null || Bun.which("mvn") === null) {
  console.log("skipped: no java or no mvn on this machine");
  process.exit(0);
}
await installKafka();
const reference = new Reference();
const from = Number(flags.from);
const to = from + Number(flags.seeds);
let failures = 0;
let parted = 0;
for (let seed = from; seed < to; seed++) {
  const root = mkdtempSync(join(tmpdir(), "bunka-compare-"));
  for (const side of ["k", "b"]) mkdirSync(join(root, side));
  const comparison = new Comparison(reference, seed, root);
  try {
    await comparison.run();
  } catch (error) {
    if (comparison.hasParted) parted++;
    else failures++;
    const outcome = comparison.hasParted ? "parted" : "failed";
    console.log(`seed ${seed} ${outcome}: ${(error as Error).message}`);
    if (flags.verbose) console.log(comparison.trace);
  }
  rmSync(root, { recursive: true, force: true });
}
reference.stop();
console.log(`seeds ${from} to ${to - 1}: do our files and Kafka's agree?`);
console.log(`${to - from - failures - parted} passed, ${failures} failed, ${parted} parted`);
process.exitCode = failures === 0 ? 0 : 1;
