import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const SOURCES = resolve(import.meta.dir, "../../src");

/** A node whose first sync of a directory never ends, and fails where nobody looks. */
const CHILD = `
  const { runBroker } = await import("${SOURCES}/cli/broker.ts");
  const { realWorld } = await import("${SOURCES}/base/real-world.ts");
  const world = realWorld();
  const syncDirectory = () => {
    Promise.reject(new Error("a bug at the start"));
    return new Promise(() => {});
  };
  const disk = new Proxy(world.disk, {
    get: (target, name) => (name === "syncDirectory" ? syncDirectory : target[name].bind(target)),
  });
  const words = ["--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override"];
  const context = { console: { out() {}, error() {} }, world: async () => ({ ...world, disk }) };
  process.exit(await runBroker([...words, "log.dirs=" + process.argv[1]], context));
`;

test("a bug on the way to the ready line ends the process with exit code 1", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bunka-fatal-"));
  const child = Bun.spawn([process.execPath, "-e", CHILD, folder], { stderr: "pipe" });
  const text = await new Response(child.stderr).text();
  expect(text).toContain("the node must stop: Error: a bug at the start");
  expect(await child.exited).toBe(1);
  rmSync(folder, { recursive: true });
});

test("a bug that the start itself throws ends the process with exit code 1", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bunka-fatal-"));
  const preload = join(folder, "preload.ts");
  // The name of the first file of a log, when the broker has its own handlers already.
  const bug = `
    const { padStart } = String.prototype;
    String.prototype.padStart = function (length, fill) {
      if (length === 20) throw new TypeError("a bug that is thrown");
      return padStart.call(this, length, fill);
    };
  `;
  writeFileSync(preload, bug);
  const data = join(folder, "data");
  const words = [`--preload=${preload}`, `${SOURCES}/main.ts`, "broker", "--override"];
  const listeners = ["listeners=PLAINTEXT://127.0.0.1:0", "--override"];
  const child = Bun.spawn([process.execPath, ...words, ...listeners, `log.dirs=${data}`], {
    stderr: "pipe",
  });
  const text = await new Response(child.stderr).text();
  expect(text).toContain("TypeError: a bug that is thrown");
  expect(await child.exited).toBe(1);
  rmSync(folder, { recursive: true });
});
