/**
 * The load generator for machines without a C compiler: what load.c does, at several times its
 * cost. An open loop is up to a millisecond late here, which `lateness` shows and latencies contain.
 */
import type { Histogram } from "../../../src/base/histogram.ts";
import type { Latencies, LoadResult } from "../load.ts";
import { Consumers } from "./consumer.ts";
import { readBatches, readOptions } from "./options.ts";
import { nowUs, Producers } from "./producer.ts";

const TICK_MS = 1;

const options = readOptions(process.argv.slice(2));
const producers = new Producers(options, readBatches(options.batches));
const consumers = new Consumers(producers);
await producers.open();
await consumers.open();
process.on("SIGTERM", () => producers.schedule?.end(producers.issued));

const cpuBefore = process.cpuUsage();
const startUs = nowUs();
let endUs = 0;
consumers.start();
producers.start();
const timer = setInterval(() => {
  producers.issueDue();
  const isOver = producers.isDone() && consumers.readersAreDone();
  if (isOver && endUs === 0) endUs = nowUs();
  if (!isOver || !consumers.isDone()) return;
  clearInterval(timer);
  console.log(JSON.stringify(report()));
  process.exit(0);
}, TICK_MS);

function report(): LoadResult {
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    bytes: producers.answeredBytes,
    requests: producers.answered,
    commits: producers.commits,
    readBytes: consumers.readBytes,
    followedBytes: consumers.followedBytes,
    fetches: consumers.fetches,
    seconds: (endUs - startUs) / 1e6,
    cpuSeconds: (user + system) / 1e6,
    produce: latenciesOf(producers.latencies),
    commit: latenciesOf(producers.commitLatencies),
    fetch: latenciesOf(consumers.fetchLatencies),
    endToEnd: latenciesOf(consumers.endToEnd),
    lateness: latenciesOf(producers.lateness),
  };
}

function latenciesOf(histogram: Histogram): Latencies | null {
  if (histogram.count === 0) return null;
  return {
    count: histogram.count,
    meanUs: histogram.mean,
    p50Us: histogram.quantile(0.5),
    p99Us: histogram.quantile(0.99),
    p999Us: histogram.quantile(0.999),
    p9999Us: histogram.quantile(0.9999),
    maxUs: histogram.max,
  };
}
