/**
 * Moves partitions between the log directories of this node (KIP-113), some at a time, and keeps
 * the controller's knowledge of where they lie (KIP-858) true. How one is moved: log/log-move.ts.
 */
import type { Logger } from "../base/logger.ts";
import { DiskError } from "../base/world.ts";
import type { LogDirectory } from "../log/log-directory.ts";
import { LogMove, LogMoveError } from "../log/log-move.ts";
import { FUTURE_SUFFIX } from "../log/log-names.ts";
import { WorkQueue } from "../log/work-queue.ts";
import { directoryOf } from "../metadata/partition-registration.ts";
import type { Partition } from "../partition/partition.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { ByteThrottle } from "./byte-throttle.ts";
import type { DirectoryAssignments } from "./directory-assignments.ts";
import type { LocalNode } from "./local-node.ts";
import { cordonedDirectories, moveBytesPerSecond } from "./settings/effective.ts";

/** File systems allow no longer name. */
const NAME_SIZE_MAX = 255;
/** Of the uuid in the name of a future log, with the dot before it. */
const ID_SIZE = 33;
const MS_PER_SECOND = 1000;

export class LogDirMoves {
  readonly #node: LocalNode;
  readonly #assignments: DirectoryAssignments;
  readonly #logger: Logger;
  readonly #moves = new Map<Partition, LogMove>();
  readonly #throttle: ByteThrottle;
  readonly #queue: WorkQueue;
  #isStopped = false;

  constructor(node: LocalNode, assignments: DirectoryAssignments) {
    const { world, logger, settings, logs } = node;
    this.#node = node;
    this.#assignments = assignments;
    this.#logger = logger.child("log-dirs");
    this.#throttle = new ByteThrottle(
      world.clock,
      () => moveBytesPerSecond(settings),
      () => settings.get("alter.log.dirs.replication.quota.window.size.seconds") * MS_PER_SECOND,
    );
    const count = settings.get("num.replica.alter.log.dirs.threads") ?? logs.directories.length;
    this.#queue = new WorkQueue(Math.max(1, count));
  }

  /** AlterReplicaLogDirs, of one partition. The move goes on behind the answer. */
  alter(topic: string, index: number, path: string): ErrorCode {
    const { logs, partitions, settings, image } = this.#node;
    const nameSize = Buffer.byteLength(`${topic}-${index}${FUTURE_SUFFIX}`) + ID_SIZE;
    if (nameSize > NAME_SIZE_MAX) return ErrorCode.INVALID_TOPIC_EXCEPTION;
    const directory = logs.directories.find((each) => logs.disk.absolutePath(each.path) === path);
    if (directory === undefined) return ErrorCode.LOG_DIR_NOT_FOUND;
    if (directory.failure !== null) return ErrorCode.KAFKA_STORAGE_ERROR;
    if (cordonedDirectories(settings).includes(directory.path)) {
      return ErrorCode.INVALID_REPLICA_ASSIGNMENT;
    }
    const partition = partitions.find(topic, index);
    if (partition === null) {
      const isElsewhere = image.topics.byName(topic)?.partitions[index] !== undefined;
      logs.prefer(topic, index, directory);
      return isElsewhere ? ErrorCode.REPLICA_NOT_AVAILABLE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (partition.log.failure !== null) return ErrorCode.KAFKA_STORAGE_ERROR;
    return this.#move(partition, directory);
  }

  /** A partition was opened, or the controller says something new of it. */
  settle(partition: Partition): void {
    const { logs, nodeId } = this.#node;
    if (partition.log.failure !== null) return;
    const future = logs.future(partition.topic, partition.index);
    if (future !== null && !this.#moves.has(partition)) this.#start(partition);
    const known = directoryOf(partition.registration, nodeId);
    const isOnItsWay = future !== null && logs.directoryOf(future).id === known;
    if (!isOnItsWay) this.#confirm(partition, known);
  }

  /** The topic is deleted; the log manager removes both logs. */
  forget(partition: Partition): void {
    this.#moves.get(partition)?.stop();
    this.#moves.delete(partition);
  }

  stop(): void {
    this.#isStopped = true;
    for (const move of this.#moves.values()) move.stop();
  }

  #move(partition: Partition, directory: LogDirectory): ErrorCode {
    const { logs } = this.#node;
    const future = logs.future(partition.topic, partition.index);
    if (future !== null && logs.directoryOf(future) !== directory) this.#cancel(partition);
    if (logs.directoryOf(partition.log) === directory) return ErrorCode.NONE;
    // In a directory that is offline there might be another copy.
    if (logs.directories.some(({ failure }) => failure !== null)) {
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
    const isThere = logs.future(partition.topic, partition.index) !== null;
    if (!isThere && logs.createFuture(partition.log, directory) === null) {
      return ErrorCode.KAFKA_STORAGE_ERROR;
    }
    this.#start(partition);
    return ErrorCode.NONE;
  }

  #cancel(partition: Partition): void {
    const { logs, nodeId } = this.#node;
    this.forget(partition);
    logs.removeFuture(partition.topic, partition.index);
    this.#confirm(partition, directoryOf(partition.registration, nodeId));
  }

  #start(partition: Partition): void {
    const { logs, settings } = this.#node;
    const future = logs.future(partition.topic, partition.index);
    if (future === null || this.#moves.has(partition) || this.#isStopped) return;
    const target = logs.directoryOf(future).id;
    const move = new LogMove({
      logs,
      log: partition.log,
      future,
      chunkSizeMax: () => settings.get("replica.fetch.max.bytes"),
      throttle: this.#throttle,
      assign: async () =>
        target === null || this.#assignments.assign(partition.topicId, partition.index, target),
      swapped: () => partition.replaceLog(future),
    });
    this.#moves.set(partition, move);
    void this.#queue.run(() => this.#run(partition, move));
  }

  async #run(partition: Partition, move: LogMove): Promise<void> {
    const logger = this.#logger;
    const name = `${partition.topic}-${partition.index}`;
    const from = partition.log.directory;
    try {
      if (await move.run()) logger.info(`${name} was moved from ${from}`);
    } catch (error) {
      if (!(error instanceof LogMoveError || error instanceof DiskError)) throw error;
      logger.error(`${name} stays in ${from}: ${error.message}`);
    } finally {
      if (this.#moves.get(partition) === move) this.#moves.delete(partition);
    }
  }

  /** The controller learns where the log is, unless it knows. */
  #confirm(partition: Partition, known: string | null): void {
    const { id } = this.#node.logs.directoryOf(partition.log);
    if (id === null || id === known) return;
    void this.#assignments.assign(partition.topicId, partition.index, id);
  }
}
