import { describe, expect, test } from "bun:test";
import { Signal } from "../../src/base/signal.ts";
import { Endpoint } from "./endpoint.ts";
import { FAKE_WALL_MS, FakeClock } from "./fake-clock.ts";
import { FakeNetwork } from "./fake-network.ts";
import { FakeRandom } from "./fake-random.ts";
import { afterKill, afterPowerLoss, fakeWorld, neighbourOf } from "./fake-world.ts";

describe("the fake clock", () => {
  test("fires timers in the order of their time, then of their making", () => {
    const random = new FakeRandom(1);
    const clock = new FakeClock();
    const due: { atMs: number; order: number }[] = [];
    const fired: { atMs: number; order: number }[] = [];
    for (let order = 0; order < 2000; order++) {
      const atMs = random.below(100);
      const timer = clock.schedule(atMs, () => fired.push({ atMs: clock.monotonicMs(), order }));
      if (random.chance(0.6)) timer.cancel();
      else due.push({ atMs, order });
    }
    due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    expect(clock.timerCount).toBe(due.length);
    clock.advance(100);
    expect(fired).toEqual(due);
    expect([clock.timerCount, clock.nextDueMs]).toEqual([0, null]);
  });

  test("runs all that follows from a timer before the next one", () => {
    const clock = new FakeClock();
    const order: string[] = [];
    clock.schedule(1, () => {
      void (async () => {
        await null;
        order.push("promise");
        clock.afterTurn(() => {
          order.push("turn");
          void Promise.resolve().then(() => order.push("promise of the turn"));
          clock.afterTurn(() => order.push("next turn"));
        });
      })();
    });
    clock.schedule(1, () => order.push("second timer"));
    clock.advance(1);
    expect(order).toEqual(["promise", "turn", "promise of the turn", "next turn", "second timer"]);
  });

  test("stands still until it is moved, and its wall may jump alone", () => {
    const clock = new FakeClock();
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([FAKE_WALL_MS, 0]);
    clock.advance(1.5);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([FAKE_WALL_MS + 1, 1.5]);
    clock.jumpWall(-3_600_000);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([FAKE_WALL_MS - 3_599_999, 1.5]);
  });

  test("waits for promises in no time, and tells when they do not come", () => {
    const clock = new FakeClock();
    const later = new Promise<number>((resolve) => clock.schedule(5000, () => resolve(7)));
    expect(clock.await(later)).toBe(7);
    expect(clock.monotonicMs()).toBe(5000);
    expect(() => clock.await(Promise.reject(new Error("no")))).toThrow("no");
    expect(() => clock.await(new Promise(() => {}))).toThrow("holds within");
    expect(() => clock.advanceUntil(() => false, 10)).toThrow("within 10 ms");
  });

  test("a fork shares the time, and stops alone", () => {
    const clock = new FakeClock();
    const fork = clock.fork();
    const fired: string[] = [];
    clock.schedule(5, () => fired.push("first"));
    fork.schedule(5, () => fired.push("fork"));
    fork.afterTurn(() => fired.push("fork's turn"));
    fork.stop();
    clock.advance(10);
    expect(fired).toEqual(["first"]);
    expect(fork.monotonicMs()).toBe(10);
  });
});

describe("a frozen machine", () => {
  test("fires at its thaw what came due, in order, but for what is cancelled then", () => {
    const clock = new FakeClock();
    const machine = clock.fork();
    const fired: string[] = [];
    const note = (what: string) => () => void fired.push(`${clock.monotonicMs()} ${what}`);
    const last = machine.schedule(30, note("third"));
    machine.schedule(20, note("second"));
    machine.schedule(10, () => {
      note("first")();
      last.cancel();
    });
    machine.schedule(200, note("later"));
    clock.schedule(25, note("neighbour"));
    machine.freeze();
    clock.advance(100);
    machine.thaw();
    clock.advance(0);
    expect(fired).toEqual(["25 neighbour", "100 first", "100 second"]);
    clock.advance(100);
    expect(fired.at(-1)).toBe("200 later");
  });

  test("takes connections and bytes, and hears of them at its thaw", () => {
    const { clock, network, client, server } = makePair();
    const late = new Endpoint(new Signal());
    network.freeze("b");
    client.send(Buffer.from("while frozen"));
    late.socket = clock.await(network.host("c").connect("b", 1, late));
    late.send(Buffer.from("too"));
    clock.advance(60_000);
    expect(server.received().toString()).toBe("");
    network.thaw("b");
    clock.advance(1);
    // The second connection has the same handler here.
    expect(server.received().toString()).toBe("while frozentoo");
  });
});

describe("fake chance", () => {
  test("repeats itself from a seed, and not from another", () => {
    const draw = (seed: number) => {
      const random = new FakeRandom(seed);
      return [random.uint32(), random.below(1000), random.bytes(8).toString("hex")];
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  test("is spread evenly, and a fork does not disturb it", () => {
    const random = new FakeRandom(9);
    const buckets = new Array<number>(16).fill(0);
    for (let index = 0; index < 160_000; index++) buckets[random.below(16)]!++;
    expect(Math.min(...buckets)).toBeGreaterThan(9500);
    expect(Math.max(...buckets)).toBeLessThan(10_500);
    const [one, two] = [new FakeRandom(3), new FakeRandom(3)];
    const fork = one.fork();
    two.fork();
    for (let index = 0; index < 10; index++) fork.uint32();
    expect(one.uint32()).toBe(two.uint32());
    expect([one.between(4, 4), one.pick([1])]).toEqual([4, 1]);
  });
});

describe("the fake network", () => {
  test("runs the same from the same seed", () => {
    const run = (seed: number) => {
      const clock = new FakeClock();
      const network = new FakeNetwork(clock, new FakeRandom(seed), {
        delayMsMin: 1,
        delayMsMax: 20,
        shortWriteRate: 0.5,
        chunkSizeMax: 50,
      });
      const events: string[] = [];
      const server = new Endpoint(new Signal());
      server.onData = (chunk) => events.push(`${clock.monotonicMs()} ${chunk.length}`);
      network.listen("b", 1, (socket) => {
        server.socket = socket;
        return server;
      });
      const client = new Endpoint(new Signal());
      client.socket = clock.await(network.host("a").connect("b", 1, client));
      client.send(Buffer.alloc(1000));
      clock.advance(1000);
      expect(server.receivedSize).toBe(1000);
      return events;
    };
    expect(run(1)).toEqual(run(1));
    expect(run(1)).not.toEqual(run(2));
  });

  test("a cut holds bytes back both ways or one way, and loses none", () => {
    const { clock, network, client, server } = makePair();
    network.cut("a", "b");
    client.send(Buffer.from("to b"));
    server.send(Buffer.from("to a"));
    clock.advance(100_000);
    expect([server.receivedSize, client.receivedSize]).toEqual([0, 0]);
    network.heal("a", "b");
    clock.advance(1);
    expect([server.received().toString(), client.received().toString()]).toEqual(["to b", "to a"]);
    network.cut("a", "b", true);
    client.send(Buffer.from("held"));
    server.send(Buffer.from(" passes"));
    clock.advance(10);
    expect([server.receivedSize, client.received().toString()]).toEqual([4, "to a passes"]);
  });

  test("nobody gets through a cut to connect", () => {
    const { clock, network, client } = makePair();
    network.cut("a", "b");
    expect(() => clock.await(network.host("a").connect("b", 1, client))).toThrow("ETIMEDOUT");
  });

  test("a host that crashes is reset to others, and hears nothing itself", () => {
    const { clock, network, client, server } = makePair();
    server.send(Buffer.from("lost"));
    network.crash("b");
    clock.advance(10);
    expect([client.closeReason, server.events]).toEqual(["ECONNRESET", []]);
    expect(network.socketCount).toBe(0);
    expect(() => clock.await(network.host("a").connect("b", 1, client))).toThrow("ECONNREFUSED");
  });
});

describe("a host without power", () => {
  test("is silent; when it is back, it knows no connection of before", () => {
    const { clock, network, client } = makePair();
    network.powerOff("b");
    clock.advance(10_000);
    client.send(Buffer.from("into the void"));
    expect(() => clock.await(network.host("a").connect("b", 1, client))).toThrow("ETIMEDOUT");
    expect(client.isClosed).toBe(false);
    network.powerOn("b");
    clock.advance(1);
    expect(client.closeReason).toBe("ECONNRESET");
    expect(network.socketCount).toBe(0);
  });

  test("a link is slow one way, and connections break on both ends", () => {
    const { clock, network, client, server } = makePair();
    network.slow("a", "b", 500);
    client.send(Buffer.from("slow"));
    server.send(Buffer.from("quick"));
    clock.advance(499);
    expect([server.receivedSize, client.receivedSize]).toEqual([0, 5]);
    clock.advance(1);
    expect(server.receivedSize).toBe(4);
    expect(network.breakConnections(({ host }) => host === "a")).toBe(1);
    clock.advance(1000);
    expect([client.closeReason, server.closeReason]).toEqual(["ECONNRESET", "ECONNRESET"]);
  });
});

describe("a fake world", () => {
  test("goes on with what survives a kill or a loss of power, and the old life is dead", () => {
    const world = fakeWorld(3);
    const neighbour = neighbourOf(world, "10.0.0.2");
    const fired: string[] = [];
    world.clock.schedule(10, () => fired.push("old life"));
    neighbour.clock.schedule(10, () => fired.push("neighbour"));
    world.network.listen("127.0.0.1", 5, () => new Endpoint(new Signal()));
    world.disk.open("/kept", "create").write(Buffer.from("yes"), 0, 3, 0);
    const killed = afterKill(world);
    expect(killed.disk.readWhole("/kept").toString()).toBe("yes");
    expect(() => world.disk.readWhole("/kept")).toThrow("EIO");
    killed.network.listen("127.0.0.1", 5, () => new Endpoint(new Signal()));
    killed.clock.advance(20);
    expect(fired).toEqual(["neighbour"]);
    const unpowered = afterPowerLoss(killed, "none");
    expect(unpowered.disk.status("/kept")).toBe(null);
    expect(unpowered.clock.monotonicMs()).toBe(20);
  });
});

function makePair() {
  const clock = new FakeClock();
  const network = new FakeNetwork(clock, new FakeRandom(1));
  const server = new Endpoint(new Signal());
  network.listen("b", 1, (socket) => {
    server.socket = socket;
    return server;
  });
  const client = new Endpoint(new Signal());
  client.socket = clock.await(network.host("a").connect("b", 1, client));
  return { clock, network, client, server };
}
