/** Apache Kafka's own performance tools: mostly they are the limit, but they are what people know. */
import { KAFKA_LIBRARIES } from "../../test/compat/harness/install.ts";
import { installOnce } from "../contenders/kafka.ts";
import { tied } from "../kit/children.ts";
import type { Figures } from "../results/figures.ts";
import { watched, withTopic } from "./measuring.ts";
import { onlyBrokers, type Row, type Site } from "./row.ts";
import { consumerFigures, endToEndFigures, producerFigures } from "./tool-output.ts";

const RECORDS = 1_000_000;
const ROUND_TRIPS = 5000;
const RECORD_BYTES = 1024;
/** Their names as Kafka's scripts have them. */
const PRODUCER = "ProducerPerformance";
const CONSUMER = "ConsumerPerformance";
const END_TO_END = "EndToEndLatency";

export const tools: readonly Row[] = [
  ...(["1", "all"] as const).map((acks) =>
    row(`${PRODUCER}, 1 KiB, acks=${acks}`, 8, async (site, topic) => {
      const records = Math.ceil(RECORDS * site.scale);
      return producerFigures(await produce(site, topic, records, acks));
    }),
  ),
  row(`${CONSUMER}, 1 KiB`, 8, async (site, topic) => {
    const records = Math.ceil(RECORDS * site.scale);
    await produce(site, topic, records, "1");
    const flags = ["--topic", topic, "--num-records", `${records}`, "--timeout", "60000"];
    return consumerFigures(await run(site, CONSUMER, flags));
  }),
  row(`${END_TO_END}, 100 B, acks=1`, 1, async (site, topic) => {
    const flags = ["--topic", topic, "--num-records", `${Math.ceil(ROUND_TRIPS * site.scale)}`];
    const more = ["--producer-acks", "1", "--record-size", "100"];
    return endToEndFigures(await run(site, END_TO_END, [...flags, ...more]));
  }),
];

function row(
  name: string,
  partitions: number,
  measure: (site: Site, topic: string) => Promise<Figures>,
): Row {
  return {
    name,
    excludes: onlyBrokers,
    run: (site) =>
      withTopic(site, partitions, {}, async ({ topic }) => {
        await installOnce();
        const { result, work } = await watched(site, () => measure(site, topic));
        return { "": { ...result, ...(work === null ? {} : { cpuMs: work.cpuSeconds * 1000 }) } };
      }),
  };
}

function produce(site: Site, topic: string, records: number, acks: string): Promise<string> {
  const properties = [`acks=${acks}`, "batch.size=65536", "linger.ms=5"];
  const flags = ["--topic", topic, "--num-records", `${records}`, "--throughput", "-1"];
  const more = ["--record-size", `${RECORD_BYTES}`, "--command-property", ...properties];
  return run(site, PRODUCER, [...flags, ...more]);
}

async function run({ contender }: Site, tool: string, flags: readonly string[]): Promise<string> {
  const server = ["--bootstrap-server", `${contender.host}:${contender.port}`];
  const command = ["java", "-Xmx512m", "-cp", `${KAFKA_LIBRARIES}/*`];
  const words = [...command, `org.apache.kafka.tools.${tool}`, ...server, ...flags];
  const child = tied(Bun.spawn(words, { stdout: "pipe", stderr: "pipe" }));
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0)
    throw new Error(`${tool} failed: ${stderr.slice(-2000)}${stdout}`);
  return stdout;
}
