/** What rows share: topics that go again, and the figures of a process meanwhile. */
import { readdirSync } from "node:fs";
import type { Contender } from "../contenders/contender.ts";
import {
  memoryOf,
  type ProcessWork,
  readProcess,
  resetPeak,
  workBetween,
  workOfAll,
} from "../contenders/process-figures.ts";
import type { LoopHolds } from "../kit/loop-probe.ts";
import { createTopic, deleteTopic, type TopicConfigs } from "../kit/raw-client.ts";
import type { Latencies, LoadOptions } from "../load/load.ts";
import type { Figures } from "../results/figures.ts";
import { sumOf } from "../results/statistics.ts";
import type { Site } from "./row.ts";

const MEGABYTE = 1e6;
const DELETED_WITHIN_MS = 5000;
const POLL_MS = 20;
const P9999_FROM = 10_000;

let topicCount = 0;

/** Where a topic is, in the load generator's words. */
export type LoadTarget = Pick<LoadOptions, "host" | "port" | "topic" | "partitions" | "leaders">;

/** The topic is there for as long as it is used, and its files are gone before the next row. */
export async function withTopic<T>(
  { contender, replicationFactor }: Site,
  partitions: number,
  configs: TopicConfigs,
  use: (target: LoadTarget) => Promise<T>,
): Promise<T> {
  const topic = `bench-${topicCount++}-${process.pid}`;
  const { port, host } = contender;
  const target = { host, port, topic, partitions };
  if (contender.isFloor) return use(target);
  const leaders = await createTopic(port, topic, partitions, {
    configs,
    host,
    replicationFactor,
  });
  try {
    const isOne = leaders.every((each) => each === port);
    return await use(isOne ? target : { ...target, leaders: leaders.join() });
  } finally {
    await deleteTopic(port, topic, host);
    await untilGone(contender, topic);
  }
}

/** Files go later than their topic, and would disturb whoever is next. */
async function untilGone({ dataDirectories }: Contender, topic: string): Promise<void> {
  const deadlineMs = performance.now() + DELETED_WITHIN_MS;
  const isThere = () =>
    dataDirectories.some((folder) => {
      return readdirSync(folder).some((name) => name.startsWith(`${topic}-`));
    });
  while (performance.now() < deadlineMs && isThere()) await Bun.sleep(POLL_MS);
}

export interface Watched<T> {
  readonly result: T;
  /** Null where nothing is known of the process. */
  readonly work: ProcessWork | null;
  readonly peakMegabytes: number;
  /** Of its loop, where that is watched. */
  readonly holds: LoopHolds | null;
}

/** What the contender's process did during some work. */
export async function watched<T>(site: Site, work: () => Promise<T>): Promise<Watched<T>> {
  const { pids, loop = null } = site.contender;
  if (pids.length === 0)
    return { result: await work(), work: null, peakMegabytes: NaN, holds: null };
  for (const pid of pids) resetPeak(pid);
  const profile = await site.profile();
  loop?.reset();
  const before = pids.map(readProcess);
  const result = await work();
  const after = pids.map(readProcess);
  const holds = (await loop?.report()) ?? null;
  await profile?.end();
  return {
    result,
    work: workOfAll(pids.map((_, index) => workBetween(before[index]!, after[index]!))),
    peakMegabytes: sumOf(pids.map((pid) => memoryOf(pid).peakMegabytes)),
    holds,
  };
}

export function latencyFigures(latencies: Latencies | null): Figures {
  if (latencies === null) return {};
  const { count, p50Us, p99Us, p999Us, p9999Us, maxUs } = latencies;
  return {
    p50Ms: p50Us / 1000,
    p99Ms: p99Us / 1000,
    p999Ms: p999Us / 1000,
    // Of fewer it would be the greatest.
    ...(count < P9999_FROM ? {} : { p9999Ms: p9999Us / 1000 }),
    maxMs: maxUs / 1000,
  };
}

function loopFigures(holds: LoopHolds | null): Figures {
  if (holds === null) return {};
  const { held, ran } = holds;
  return {
    loopP9999Ms: held.p9999Ms,
    loopMaxMs: held.maxMs,
    loopRanP9999Ms: ran.p9999Ms,
    loopRanMaxMs: ran.maxMs,
  };
}

/** For each of the bytes that went through. */
export function workFigures(
  { work, peakMegabytes, holds }: Watched<unknown>,
  bytes: number,
  loadCpuSeconds: number,
): Figures {
  if (work === null) return {};
  return {
    cpuSecondsPerGigabyte: work.cpuSeconds / (bytes / 1e9),
    peakMegabytes,
    switchesPerMegabyte: work.contextSwitches / (bytes / MEGABYTE),
    diskBytesPerByte: work.diskBytes / bytes,
    loadShare: loadCpuSeconds / work.cpuSeconds,
    ...loopFigures(holds),
  };
}
