/** What the process itself costs: its start, its stop, and when nobody asks anything of it. */
import type { Contender } from "../contenders/contender.ts";
import { readProcess, residentMegabytes, workBetween } from "../contenders/process-figures.ts";
import { RawConnection } from "../kit/raw-connection.ts";
import { checkProduced, createTopicFrame, isTopicCreated, produceFrame } from "../kit/requests.ts";
import type { Figures, Parts } from "../results/figures.ts";
import { onlyOurs, type Row, type Site } from "./row.ts";

/** What starting has left to do is no part of being idle. */
const SETTLE_MS = 2000;
const RETRY_MS = 5;
const LIGHT_REQUESTS = 1000;

export const processRows: readonly Row[] = [
  {
    name: "start to the first acknowledged record",
    warmsUp: false,
    excludes: onlyOurs,
    run: start,
  },
  { name: "idle", warmsUp: false, excludes: onlyOurs, run: idle },
];

async function start(site: Site): Promise<Parts> {
  writeOut();
  const first = await site.startAnother({ isRestart: false });
  const fresh = await firstRecord(first, "first");
  const second = await site.startAnother({ isRestart: true });
  const restarted = await firstRecord(second, "second");
  return {
    "": { milliseconds: fresh.tookMs, residentMegabytes: fresh.residentMegabytes },
    restarted: { milliseconds: restarted.tookMs },
    "clean stop": { milliseconds: fresh.stopMs },
  };
}

/** What the rows before have left to write, every first sync of a start would wait for. */
function writeOut(): void {
  Bun.spawnSync(["sync"]);
}

/** From the start of the process; it is stopped in the end, whatever happens. */
async function firstRecord(contender: Contender, topic: string) {
  let tookMs = NaN;
  let memory = NaN;
  let stopFromMs = NaN;
  try {
    tookMs = await untilFirstRecord(contender, topic);
    memory = residentMegabytes(contender.pids[0]!);
  } finally {
    stopFromMs = performance.now();
    await contender.stop();
  }
  return { tookMs, residentMegabytes: memory, stopMs: performance.now() - stopFromMs };
}

async function untilFirstRecord({ port, startedMs }: Contender, topic: string): Promise<number> {
  const topicFrame = createTopicFrame(topic, 1);
  const recordFrame = produceFrame(topic, 1, 1, 100);
  const connection = await RawConnection.open(port);
  while (!isTopicCreated(await connection.exchange(topicFrame))) await Bun.sleep(RETRY_MS);
  // A broker may hear of its partition a moment after the topic was made.
  for (;;) {
    if (checkProduced(await connection.exchange(recordFrame), { mayBeTooEarly: true })) break;
    await Bun.sleep(RETRY_MS);
  }
  const tookMs = performance.now() - startedMs;
  connection.close();
  return tookMs;
}

async function idle(site: Site): Promise<Parts> {
  const contender = await site.startAnother({ isRestart: false });
  try {
    const fresh = await watchIdle(contender, site);
    await someRequests(contender);
    return {
      "": fresh,
      [`after ${LIGHT_REQUESTS} produce requests`]: await watchIdle(contender, site),
    };
  } finally {
    await contender.stop();
  }
}

async function watchIdle({ pids: [pid] }: Contender, { seconds, scale }: Site): Promise<Figures> {
  await Bun.sleep(SETTLE_MS);
  const watchedSeconds = 2 * seconds * scale;
  const before = readProcess(pid!);
  await Bun.sleep(watchedSeconds * 1000);
  const work = workBetween(before, readProcess(pid!));
  return {
    percentOfCore: (work.cpuSeconds / watchedSeconds) * 100,
    residentMegabytes: residentMegabytes(pid!),
  };
}

async function someRequests({ port }: Contender): Promise<void> {
  const connection = await RawConnection.open(port);
  const topicFrame = createTopicFrame("light", 10);
  while (!isTopicCreated(await connection.exchange(topicFrame))) await Bun.sleep(RETRY_MS);
  const frame = produceFrame("light", 10, 1, 1000);
  for (let count = 0; count < LIGHT_REQUESTS; count++) {
    while (!checkProduced(await connection.exchange(frame), { mayBeTooEarly: true })) {
      await Bun.sleep(RETRY_MS);
    }
  }
  connection.close();
}
