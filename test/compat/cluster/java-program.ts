/** A program of Apache Kafka's that works while things happen, and prints a JSON object a line. */
import { openSync } from "node:fs";
import type { Subprocess } from "bun";
import { tied } from "../../../bench/kit/children.ts";
import { forEachLine } from "../../../src/base/lines.ts";
import { javaDriver } from "../clients.ts";
import { isJsonObject, type Json } from "../harness/outcome.ts";

export type Event = { [key: string]: Json };

export class JavaProgram {
  readonly events: Event[] = [];
  /** When each event came. */
  readonly arrivalsMs: number[] = [];
  /** What is no JSON. */
  readonly lines: string[] = [];
  readonly ended: Promise<number>;
  readonly #process: Subprocess<"ignore", "pipe", number>;

  constructor(mainClass: string, words: readonly string[], errorFile: string) {
    this.#process = tied(
      Bun.spawn([...javaDriver(mainClass), ...words], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: openSync(errorFile, "a"),
      }),
    );
    const read = forEachLine(this.#process.stdout, (line) => this.#said(line));
    this.ended = this.#process.exited.then(async (code) => {
      await read;
      return code;
    });
  }

  named(name: string): Event[] {
    return this.events.filter((event) => event["name"] === name);
  }

  stop(): Promise<number> {
    this.#process.kill("SIGTERM");
    return this.ended;
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.ended;
  }

  #said(line: string): void {
    try {
      const value: Json = JSON.parse(line);
      if (!isJsonObject(value)) return;
      this.events.push(value);
      this.arrivalsMs.push(performance.now());
    } catch {
      this.lines.push(line);
    }
  }
}
