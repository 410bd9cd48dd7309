/** Apache Kafka's command-line tools, all in one JVM: see drivers/java/ToolServer.java. */
import { openSync } from "node:fs";
import type { FileSink, Subprocess } from "bun";
import { tied } from "../../../bench/kit/children.ts";
import { forEachLine } from "../../../src/base/lines.ts";
import { javaDriver } from "../clients.ts";
import { CompatError } from "../harness/outcome.ts";

export interface ToolResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const CLASSES = {
  topics: "org.apache.kafka.tools.TopicCommand",
  configs: "kafka.admin.ConfigCommand",
  reassign: "org.apache.kafka.tools.reassign.ReassignPartitionsCommand",
  "leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
  "metadata-quorum": "org.apache.kafka.tools.MetadataQuorumCommand",
  features: "org.apache.kafka.tools.FeatureCommand",
  "log-dirs": "org.apache.kafka.tools.LogDirsCommand",
  cluster: "org.apache.kafka.tools.ClusterTool",
  "get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
  "delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
} as const;

export type ToolName = keyof typeof CLASSES;

export class JavaTools {
  readonly #bootstrap: string;
  readonly #process: Subprocess<"pipe", "pipe", number>;
  readonly #waiting: ((line: string) => void)[] = [];
  /** One at a time: they share the JVM's standard streams. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(bootstrap: string, errorFile: string) {
    this.#bootstrap = bootstrap;
    this.#process = tied(
      Bun.spawn(javaDriver("compat.ToolServer"), {
        stdin: "pipe",
        stdout: "pipe",
        stderr: openSync(errorFile, "a"),
      }),
    );
    void this.#read();
  }

  run(name: ToolName, ...words: string[]): Promise<ToolResult> {
    const server = ["--bootstrap-server", this.#bootstrap];
    // This one wants its command first.
    const all = name === "cluster" ? [...words, ...server] : [...server, ...words];
    return this.#ask([CLASSES[name], ...all]);
  }

  /** As `run`; throws when the tool fails. Gives the lines that it printed. */
  async lines(name: ToolName, ...words: string[]): Promise<string[]> {
    const { code, out, err } = await this.run(name, ...words);
    if (code !== 0)
      throw new CompatError(`kafka-${name} ${words.join(" ")}: ${code}\n${out}${err}`);
    return out.split("\n").filter((line) => line.trim() !== "");
  }

  /** The id of the active controller, and how far each voter is. */
  async quorum(): Promise<{ leader: number; epoch: number; ends: Map<number, number> } | null> {
    const { code, out } = await this.#ask(["quorum", this.#bootstrap]);
    const [leader, epoch, voters = ""] = out.split(" ");
    if (code !== 0) return null;
    const pairs = voters.split(",").map((text) => text.split("=").map(Number));
    const ends = new Map(pairs.map(([id = -1, end = -1]) => [id, end]));
    return { leader: Number(leader), epoch: Number(epoch), ends };
  }

  /** How many records a consumer in this rack has read of partition 0, and from which node. */
  async readFromRack(
    topic: string,
    rack: string,
    count: number,
  ): Promise<{ count: number; node: string }> {
    const words = ["nearest", this.#bootstrap, topic, rack, String(count)];
    const { code, out, err } = await this.#ask(words);
    if (code !== 0) throw new CompatError(`a consumer in ${rack}: ${err}`);
    const [found, node = ""] = out.split(" ");
    return { count: Number(found), node };
  }

  end(): void {
    this.#process.kill("SIGKILL");
  }

  #ask(words: readonly string[]): Promise<ToolResult> {
    const answered = this.#last.then(async () => {
      const { promise, resolve } = Promise.withResolvers<string>();
      this.#waiting.push(resolve);
      const sink: FileSink = this.#process.stdin;
      sink.write(`${JSON.stringify(words)}\n`);
      await sink.flush();
      const result: ToolResult = JSON.parse(await promise);
      return result;
    });
    this.#last = answered.catch(() => {});
    return answered;
  }

  async #read(): Promise<void> {
    await forEachLine(this.#process.stdout, (line) => this.#waiting.shift()?.(line));
    for (const resolve of this.#waiting) resolve('{"code":-2,"out":"","err":"the JVM has ended"}');
  }
}
