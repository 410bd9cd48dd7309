import { expect, test } from "bun:test";
import type { ChildOptions, Ending } from "../../../src/cli/nodes/child-node.ts";
import { NodeEndedError, Supervisor } from "../../../src/cli/nodes/supervisor.ts";
import { FakeClock } from "../../sim/fake-clock.ts";

const KILLED: Ending = { exitCode: null, signal: "SIGKILL" };
const STOPPED: Ending = { exitCode: 0, signal: null };

class FakeChild {
  readonly id: number;
  readonly signals: string[] = [];
  readonly #ready = Promise.withResolvers<string>();
  readonly #ended = Promise.withResolvers<Ending>();
  readonly ready = this.#ready.promise;
  readonly ended = this.#ended.promise;

  constructor(readonly options: ChildOptions) {
    this.id = options.id;
  }

  signal(signal: string): void {
    this.signals.push(signal);
  }

  isReady(): void {
    this.#ready.resolve(`PLAINTEXT://host:${9091 + this.id}`);
  }

  ends(ending: Ending): void {
    this.#ended.resolve(ending);
  }
}

function threeNodes(leaveFirst: ReadonlySet<number> = new Set()) {
  const clock = new FakeClock();
  const lives: FakeChild[] = [];
  const said: string[] = [];
  const supervisor = new Supervisor({
    clock,
    leaveFirst,
    words: new Map([1, 2, 3].map((id) => [id, [`--override=node.id=${id}`]])),
    out: (line) => said.push(line),
    error: (line) => said.push(line),
    start: (options) => {
      const child = new FakeChild(options);
      lives.push(child);
      return child;
    },
  });
  const run = async () => {
    const started = supervisor.start();
    for (const child of lives) child.isReady();
    return started;
  };
  return { clock, lives, said, supervisor, run };
}

test("it is ready when every node is", async () => {
  const { clock, lives, supervisor } = threeNodes();
  let listeners: string[] | null = null;
  void supervisor.start().then((all) => {
    listeners = all;
  });
  lives[0]!.isReady();
  lives[2]!.isReady();
  clock.settle();
  expect(listeners).toBeNull();
  lives[1]!.isReady();
  clock.settle();
  expect(listeners!).toEqual([
    "PLAINTEXT://host:9092",
    "PLAINTEXT://host:9093",
    "PLAINTEXT://host:9094",
  ]);
});

test("a node that fails at the start is the reason why none starts", async () => {
  const { lives, said, supervisor } = threeNodes();
  const started = supervisor.start();
  lives[1]!.options.error("2026-01-01T00:00:00.000Z WARN metadata: not well");
  lives[1]!.options.error("the port is taken");
  lives[1]!.ends({ exitCode: 1, signal: null });
  await expect(started).rejects.toThrow(new NodeEndedError("node 2: the port is taken"));
  // The log is shown as it comes, the complaint once.
  expect(said).toEqual(["node 2: 2026-01-01T00:00:00.000Z WARN metadata: not well"]);
});

test("a node that dies is started again, later each time", async () => {
  const { clock, lives, said, run } = threeNodes();
  await run();
  for (const delayMs of [100, 200, 400]) {
    const count = lives.length;
    const child = lives.findLast(({ id }) => id === 2)!;
    child.ends(KILLED);
    clock.settle();
    clock.advance(delayMs - 1);
    expect(lives).toHaveLength(count);
    clock.advance(1);
    expect(lives).toHaveLength(count + 1);
    expect(lives.at(-1)!.options.words).toEqual(["--override=node.id=2"]);
    expect(said.at(-1)).toBe(`node 2 has ended (SIGKILL): it is started again in ${delayMs} ms`);
  }
  // It lived long: what was before is forgiven.
  clock.advance(31_000);
  lives.at(-1)!.ends(KILLED);
  clock.settle();
  expect(said.at(-1)).toContain("in 100 ms");
});

test("the wait between two lives has an end", async () => {
  const { clock, lives, said, run } = threeNodes();
  await run();
  for (let life = 0; life < 12; life++) {
    lives.findLast(({ id }) => id === 1)!.ends({ exitCode: 1, signal: null });
    clock.settle();
    clock.advance(10_000);
  }
  expect(said.at(-1)).toBe("node 1 has ended (exit code 1): it is started again in 10000 ms");
});

test("all are stopped, and whether all ended well is told", async () => {
  const { clock, lives, said, supervisor, run } = threeNodes();
  await run();
  const stopped = supervisor.stop();
  for (const child of lives) {
    expect(child.signals).toEqual(["SIGTERM"]);
    child.ends(STOPPED);
  }
  expect(await stopped).toBe(true);
  expect(said).toEqual([]);
  clock.advance(60_000);
  expect(lives).toHaveLength(3);
});

test("one that does not stop is killed", async () => {
  const { clock, lives, supervisor, run } = threeNodes();
  await run();
  const stopped = supervisor.stop();
  lives[0]!.ends(STOPPED);
  lives[1]!.ends(STOPPED);
  clock.settle();
  clock.advance(60_000);
  expect(lives[2]!.signals).toEqual(["SIGTERM", "SIGKILL"]);
  lives[2]!.ends(KILLED);
  expect(await stopped).toBe(false);
});

test("one that waits for its next life does not get it when all stop", async () => {
  const { clock, lives, supervisor, run } = threeNodes();
  await run();
  lives[0]!.ends(KILLED);
  clock.settle();
  const stopped = supervisor.stop();
  lives[1]!.ends(STOPPED);
  lives[2]!.ends(STOPPED);
  clock.advance(60_000);
  expect(await stopped).toBe(true);
  expect(lives).toHaveLength(3);
});

test("one whose next life has just begun ends by the signal, which is clean", async () => {
  const { clock, lives, supervisor, run } = threeNodes();
  await run();
  lives[0]!.ends(KILLED);
  clock.settle();
  clock.advance(100);
  const stopped = supervisor.stop();
  lives[1]!.ends(STOPPED);
  lives[2]!.ends(STOPPED);
  lives[3]!.ends({ exitCode: null, signal: "SIGTERM" });
  expect(await stopped).toBe(true);
});

test("brokers alone stop before the controllers that let them go", async () => {
  const { clock, lives, supervisor, run } = threeNodes(new Set([3]));
  await run();
  const stopped = supervisor.stop();
  clock.settle();
  expect(lives.map(({ signals }) => signals)).toEqual([[], [], ["SIGTERM"]]);
  lives[2]!.ends(STOPPED);
  clock.settle();
  expect(lives.map(({ signals }) => signals.length)).toEqual([1, 1, 1]);
  for (const child of lives) child.ends(STOPPED);
  expect(await stopped).toBe(true);
});
