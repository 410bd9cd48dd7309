/** Apache Kafka's own log, driven by lines: see LogReference.java. */
import { join } from "node:path";
import { KAFKA_LIBRARIES } from "../harness/install.ts";

/** Kafka's log, in a process of its own. */
export class Reference {
  readonly #process = Bun.spawn(
    [
      "java",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
      "-cp",
      join(KAFKA_LIBRARIES, "*"),
      join(import.meta.dir, "LogReference.java"),
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "ignore" },
  );
  readonly #reader = this.#process.stdout.getReader();
  #text = "";

  async ask(line: string): Promise<string> {
    this.#process.stdin.write(`${line}\n`);
    await this.#process.stdin.flush();
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const answer = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return answer;
      }
      const { value, done } = await this.#reader.read();
      if (done) throw new Error("Kafka's log has ended");
      this.#text += Buffer.from(value).toString("utf8");
    }
  }

  stop(): void {
    this.#process.kill();
  }
}
