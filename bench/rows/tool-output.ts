/** What Kafka's performance tools print. */
import type { Figures } from "../results/figures.ts";

const MIB = 2 ** 20;

/**
 *   100 records sent, 50.000000 records/sec (0.05 MB/sec), 2.30 ms avg latency, 9.00 ms max latency,
 *   1 ms 50th, 5 ms 95th, 7 ms 99th, 8 ms 99.9th.
 */
export function producerFigures(output: string): Figures {
  const line = lastLineWith(output, "99.9th");
  const found =
    /\(([\d.]+) MB\/sec\).* ([\d.]+) ms max latency, (\d+) ms 50th, \d+ ms 95th, (\d+) ms 99th, (\d+) ms 99.9th/.exec(
      line,
    );
  if (found === null) throw new Error(`ProducerPerformance printed something else: ${line}`);
  const [, mebibytes, maxMs, p50Ms, p99Ms, p999Ms] = found.map(Number);
  return {
    megabytesPerSecond: (mebibytes! * MIB) / 1e6,
    p50Ms: p50Ms!,
    p99Ms: p99Ms!,
    p999Ms: p999Ms!,
    maxMs: maxMs!,
  };
}

/** A header of names, and a line of values; without the time that joining the group took. */
export function consumerFigures(output: string): Figures {
  const lines = output.split("\n").map((line) => line.split(",").map((cell) => cell.trim()));
  const at = lines.findIndex((cells) => cells.includes("fetch.MB.sec"));
  const value = lines[at + 1]?.[lines[at]?.indexOf("fetch.MB.sec") ?? -1];
  if (at === -1 || value === undefined || Number.isNaN(Number(value))) {
    throw new Error(`ConsumerPerformance printed something else: ${output}`);
  }
  return { megabytesPerSecond: (Number(value) * MIB) / 1e6 };
}

/**
 *   Avg latency: 0.6300 ms
 *   Percentiles: 50th = 0, 99th = 3, 99.9th = 8
 */
export function endToEndFigures(output: string): Figures {
  const mean = /Avg latency: ([\d.]+) ms/.exec(output)?.[1];
  const found = /50th = (\d+), 99th = (\d+), 99.9th = (\d+)/.exec(output);
  if (mean === undefined || found === null) {
    throw new Error(`EndToEndLatency printed something else: ${output}`);
  }
  const [, p50Ms, p99Ms, p999Ms] = found.map(Number);
  return { meanMs: Number(mean), p50Ms: p50Ms!, p99Ms: p99Ms!, p999Ms: p999Ms! };
}

function lastLineWith(output: string, text: string): string {
  return output.split("\n").findLast((line) => line.includes(text)) ?? output;
}
