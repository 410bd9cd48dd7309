/** Running kcat: once to its end, or as a group member that is watched while it runs. */
import { forEachLine } from "../../../../src/base/lines.ts";
import { until } from "../common/driver-kit.mjs";

export interface KcatResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface KcatRecord {
  readonly partition: number;
  readonly offset: number;
  readonly tstype: string;
  readonly key: string | null;
  readonly payload: string | null;
  readonly headers: readonly string[];
}

const DEADLINE_MS = 30_000;

/** So that a command does not stand still at the end of a partition, or for a new topic. */
const QUICK = ["-X", "fetch.wait.max.ms=50", "-X", "topic.metadata.refresh.fast.interval.ms=50"];

/** One bootstrap address, and the kcat commands that are run against it. */
export class Kcat {
  readonly #created = new Set<string>();

  constructor(readonly bootstrap: string) {}

  async run(args: readonly string[], input: string | Uint8Array = ""): Promise<KcatResult> {
    const child = Bun.spawn(["kcat", "-b", this.bootstrap, ...QUICK, ...args], {
      stdin: typeof input === "string" ? Buffer.from(input) : input,
      stdout: "pipe",
      stderr: "pipe",
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    clearTimeout(timer);
    return { code, stdout, stderr };
  }

  /** Runs kcat and throws if it fails. */
  async must(args: readonly string[], input: string | Uint8Array = ""): Promise<string> {
    const result = await this.run(args, input);
    if (result.code !== 0) throw new Error(`kcat ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }

  async produce(topic: string, input: string | Uint8Array, more: string[] = []): Promise<void> {
    await this.create(topic);
    await this.must(["-P", "-t", topic, ...more], input);
  }

  /**
   * Has the topic made by asking for it. A produce would make it too, but librdkafka then looks
   * for the new topic once a second.
   */
  async create(topic: string): Promise<void> {
    if (this.#created.has(topic)) return;
    await until(topic, async () => {
      const metadata = JSON.parse(await this.must(["-L", "-J", "-t", topic]));
      const partitions: unknown[] = metadata.topics[0].partitions;
      // Kafka shows a new topic in its metadata a moment before the partitions take records.
      const queries = partitions.flatMap((_, i) => ["-t", `${topic}:${i}:-2`]);
      return partitions.length > 0 && (await this.run(["-Q", ...queries])).code === 0;
    });
    this.#created.add(topic);
  }

  /** Consumes from `offset` to the end of every partition (or of the one named in `more`). */
  async consume(topic: string, offset = "beginning", more: string[] = []): Promise<KcatRecord[]> {
    const output = await this.must(["-C", "-t", topic, "-o", offset, "-e", "-q", "-J", ...more]);
    return parseRecords(output);
  }

  member(group: string, topic: string, settings: readonly string[] = []): Member {
    return new Member(this.bootstrap, group, topic, settings);
  }
}

/** kcat in balanced-consumer mode. */
export class Member {
  readonly records: KcatRecord[] = [];
  /** The partitions this member owns now, as kcat reported them. */
  assignment: number[] = [];
  rebalances: string[] = [];
  stderr = "";
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #read: Promise<unknown>;

  constructor(bootstrap: string, group: string, topic: string, settings: readonly string[]) {
    const options = [
      "auto.offset.reset=earliest",
      "session.timeout.ms=10000",
      "heartbeat.interval.ms=300",
      ...settings,
    ];
    const flags = options.flatMap((setting) => ["-X", setting]);
    const command = ["kcat", "-b", bootstrap, ...QUICK, "-J", "-u", ...flags, "-G", group, topic];
    this.#child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    this.#read = Promise.all([
      forEachLine(this.#child.stdout, (line) => this.records.push(...parseRecords(line))),
      forEachLine(this.#child.stderr, (line) => this.#readRebalance(line)),
    ]);
  }

  /** Ends the member as a person would, with an interrupt: it commits and leaves the group. */
  async leave(): Promise<void> {
    this.#child.kill("SIGINT");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), DEADLINE_MS);
    await this.#child.exited;
    clearTimeout(timer);
    await this.#read;
  }

  /**
   * kcat says `% Group g rebalanced (memberid m): assigned: t [0], t [1]` or `revoked:`, and for
   * the cooperative protocol `rebalanced: incremental assignment of 2 partition(s) (...): t [0]`.
   */
  #readRebalance(line: string): void {
    this.stderr += `${line}\n`;
    const match = /^% Group .*? rebalanced.*?: (incremental )?(assign|revo)(.*)$/.exec(line);
    if (match === null) return;
    const [, incremental, kind, list] = match;
    const partitions = [...(list ?? "").matchAll(/\[(\d+)\]/g)].map((found) => Number(found[1]));
    this.rebalances.push(`${incremental ?? ""}${kind} ${partitions.join(" ")}`);
    if (kind === "assign") {
      this.assignment = incremental === undefined ? partitions : this.assignment.concat(partitions);
    } else {
      this.assignment = this.assignment.filter((partition) => !partitions.includes(partition));
    }
    this.assignment.sort((a, b) => a - b);
  }
}

function parseRecords(output: string): KcatRecord[] {
  return output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => {
      const { partition, offset, tstype, key, payload, headers } = JSON.parse(line);
      return { partition, offset, tstype, key: key ?? null, payload, headers: headers ?? [] };
    })
    .sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
