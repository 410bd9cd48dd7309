/**
 * What the directories hold at start-up, put together: of each partition one log, at most one that
 * is on its way to another directory, and what a crash in the middle of such a move has left.
 *
 *     two of one name       the swap was not ended: the one with more records stays
 *     a future log alone    the swap was made and its name lost: it gets its name now
 *
 * A directory that comes back may have a log of a topic that was deleted and made anew while it was
 * away, or of a replica that was taken from this node and given to it again. Of two with different
 * topic ids (or none: its disk failed before) the one that is not the topic's is a stray; where the
 * controller has not heard yet which of two of one topic it is, or neither has an id, the one that
 * is behind. (Kafka takes all without an id for strays.)
 */
import { FUTURE_SUFFIX, partingDirectoryName, partitionDirectoryName } from "./log-names.ts";
import type { Log } from "./log.ts";
import type { LogDirectory } from "./log-directory.ts";
import type { LogHost } from "./log-host.ts";
import { renameLogDirectory } from "./future-logs.ts";
import { LogStartupError } from "./log-startup-error.ts";

/** What the controller knows of a log of this name; null when there should be none. */
export type ExpectedLog = (
  topic: string,
  partition: number,
) => { readonly topicId: string; readonly directoryId: string | null } | null;

interface LogDirectories extends LogHost {
  readonly directories: readonly LogDirectory[];
}

export class LoadedLogs {
  readonly #host: LogDirectories;
  readonly #expected: ExpectedLog;
  readonly #current = new Map<string, Log>();
  readonly #futures = new Map<string, Log>();
  readonly #duplicates: Log[] = [];
  readonly #superfluous: Log[] = [];
  readonly #strays: Log[] = [];
  #isSettled = false;

  constructor(host: LogDirectories, expected: ExpectedLog) {
    this.#host = host;
    this.#expected = expected;
  }

  add(log: Log): void {
    const isFuture = log.directory.endsWith(FUTURE_SUFFIX);
    const known = isFuture ? this.#futures : this.#current;
    const name = partitionDirectoryName(log.topic, log.partition);
    const other = known.get(name);
    if (other === undefined) known.set(name, log);
    else if (isFuture) throw new LogStartupError(duplicates(log, other));
    else this.#duplicates.push(log);
  }

  /** Throws `LogStartupError`. */
  current(): Iterable<Log> {
    if (!this.#isSettled) this.#settle();
    return this.#current.values();
  }

  futures(): Iterable<Log> {
    return this.#futures.values();
  }

  /** All that is in them is elsewhere, too. */
  superfluous(): Iterable<Log> {
    return this.#superfluous;
  }

  /** Of a topic that had the name before, or behind the one that is kept. */
  strays(): Iterable<Log> {
    return this.#strays;
  }

  #settle(): void {
    this.#isSettled = true;
    for (const log of this.#duplicates) this.#choose(log);
    // With a directory offline, what is missing here may be there.
    if (this.#host.directories.some(({ failure }) => failure !== null)) return;
    for (const [name, future] of this.#futures) {
      if (this.#current.has(name) || !this.#isInPlace(future)) continue;
      renameLogDirectory(future, name);
      this.#futures.delete(name);
      this.#current.set(name, future);
      this.#host.logger.warn(`${name} was moved to ${future.directory} before the last stop`);
    }
  }

  #choose(log: Log): void {
    const name = partitionDirectoryName(log.topic, log.partition);
    const other = this.#current.get(name)!;
    const target = [log, other].find((each) => this.#isInPlace(each));
    const isOneTopic = log.topicId !== null && log.topicId === other.topicId;
    if (target === undefined || !isOneTopic) return this.#keepOne(log, other);
    const source = target === log ? other : log;
    if (target.logEndOffset >= source.logEndOffset) {
      this.#current.set(name, target);
      this.#superfluous.push(source);
    } else {
      // The power went before all of the copy was durable: it is one again.
      this.#current.set(name, source);
      const { topic, partition } = target;
      const future = partingDirectoryName(topic, partition, "future", this.#host.random);
      renameLogDirectory(target, future);
      this.#futures.set(name, target);
    }
    this.#host.logger.warn(
      `${name} was in two directories; it is in ${this.#current.get(name)!.directory}`,
    );
  }

  #keepOne(log: Log, other: Log): void {
    const { topic, partition } = log;
    const isKept =
      log.topicId === other.topicId
        ? isBehind(other, log)
        : log.topicId === this.#expected(topic, partition)?.topicId;
    if (isKept) this.#current.set(partitionDirectoryName(topic, partition), log);
    this.#strays.push(isKept ? other : log);
  }

  #isInPlace(log: Log): boolean {
    const id = this.#host.directories.find(({ logs }) => logs.has(log))?.id ?? null;
    return id !== null && id === this.#expected(log.topic, log.partition)?.directoryId;
  }
}

function isBehind(log: Log, other: Log): boolean {
  if (log.latestEpoch !== other.latestEpoch) return log.latestEpoch < other.latestEpoch;
  return log.logEndOffset < other.logEndOffset;
}

function duplicates(log: Log, other: Log): string {
  return (
    `Duplicate log directories for ${log.topic}-${log.partition} are found ` +
    `in both ${other.directory} and ${log.directory}`
  );
}
