/**
 * DescribeLogDirs: v1-5 (KIP-113).
 *
 * - Each log directory with its space and the logs in it that were asked for (null: all).
 * - A log on its way to another directory is told twice: the copy is a future one, with how far it
 *   is behind.
 * - A directory whose disk failed is told as KAFKA_STORAGE_ERROR.
 *
 * Versions: v3 an error for all; v4 bytes of the disk (KIP-827); v5 whether new partitions are kept
 * away from it (KIP-1066).
 */
import { Slices } from "../base/slices.ts";
import { DiskError } from "../base/world.ts";
import type { Broker } from "../broker/broker.ts";
import type { LogDirectory } from "../log/log-directory.ts";
import type { Log } from "../log/log.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeLogDirs } from "../protocol/messages/35-describe-log-dirs.ts";
import type { Input, Value } from "../protocol/schema.ts";
import { handler } from "./handler.ts";

type AskedTopics = Value<typeof describeLogDirs.request>["topics"];
type DirectoryAnswer = Input<typeof describeLogDirs.response>["results"][number];
type TopicAnswer = DirectoryAnswer["topics"][number];
type PartitionAnswer = TopicAnswer["partitions"][number];

/** The log is none of this broker's partitions. */
const NO_LAG = -1;

export const describeLogDirsHandler = handler(
  describeLogDirs,
  async (request, _context, broker) => {
    const isAsked = asked(request.topics);
    const results: DirectoryAnswer[] = [];
    for (const directory of broker.logs.directories) {
      results.push(await describe(directory, isAsked, broker));
    }
    return { errorCode: ErrorCode.NONE, results };
  },
);

type IsAsked = (topic: string, partition: number) => boolean;

function asked(topics: AskedTopics): IsAsked {
  if (topics === null) return () => true;
  const byTopic = new Map<string, Set<number>>();
  for (const { topic, partitions } of topics) {
    byTopic.set(topic, new Set([...(byTopic.get(topic) ?? []), ...partitions]));
  }
  return (topic, partition) => byTopic.get(topic)?.has(partition) ?? false;
}

async function describe(
  directory: LogDirectory,
  isAsked: IsAsked,
  broker: Broker,
): Promise<DirectoryAnswer> {
  const { disk } = broker.world;
  const logDir = disk.absolutePath(directory.path);
  const failed = { errorCode: ErrorCode.KAFKA_STORAGE_ERROR, logDir, topics: [] };
  if (directory.failure !== null) return failed;
  try {
    return {
      errorCode: ErrorCode.NONE,
      logDir,
      topics: await topicsIn(directory, isAsked, broker),
      ...disk.space(directory.path),
      isCordoned: isCordoned(directory, broker),
    };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    broker.logger.warn(`${logDir} cannot be described: ${error.message}`);
    return failed;
  }
}

async function topicsIn(
  directory: LogDirectory,
  isAsked: IsAsked,
  broker: Broker,
): Promise<TopicAnswer[]> {
  const topics = new Map<string, PartitionAnswer[]>();
  const slices = new Slices(broker.world.clock);
  await slices.map([...directory.logs], (log) => {
    const { topic, partition } = log;
    if (!isAsked(topic, partition)) return;
    const isFutureKey = broker.logs.future(topic, partition) === log;
    // One that a copy has taken the place of lies there until that copy is durable.
    if (!isFutureKey && broker.logs.get(topic, partition) !== log) return;
    const partitions = topics.get(topic) ?? [];
    topics.set(topic, partitions);
    partitions.push({
      partitionIndex: partition,
      partitionSize: log.size,
      offsetLag: lagOf(log, isFutureKey, broker),
      isFutureKey,
    });
  });
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

function lagOf(log: Log, isFuture: boolean, { partitions }: Broker): number {
  const current = partitions.find(log.topic, log.partition)?.log ?? null;
  if (current === null) return NO_LAG;
  if (isFuture) return current.logEndOffset - log.logEndOffset;
  // A log that others replicate is never behind itself.
  return current === log ? Math.max(log.highWatermark - log.logEndOffset, 0) : NO_LAG;
}

function isCordoned({ id }: LogDirectory, { image, nodeId }: Broker): boolean {
  const cordoned = image.cluster.broker(nodeId)?.cordonedDirectories ?? [];
  return id !== null && cordoned.includes(id);
}
