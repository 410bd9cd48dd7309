import { describe, expect, test } from "bun:test";
import { ConnectionGate, type Visitor } from "../../src/server/connection-gate.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../src/server/limits.ts";
import { FakeClock } from "../sim/fake-clock.ts";

describe("a gate", () => {
  test("lets in at the rate of the listener and of the node, whichever is lower", () => {
    for (const [ofNode, ofListener] of [
      [10, 1000],
      [1000, 10],
    ] as const) {
      const { clock, arrive } = gateOf({
        maxConnectionCreationRate: ofNode,
        maxConnectionCreationRateOf: () => ofListener,
      });
      const visitors = Array.from({ length: 250 }, () => arrive("A"));
      const admitted = () => visitors.filter(({ state }) => state === "in").length;
      // A burst of what ten seconds may bring.
      expect(admitted()).toBe(100);
      // While that burst is in the window, little more comes in; then as much again.
      clock.advance(10_000);
      expect(admitted()).toBeGreaterThan(105);
      expect(admitted()).toBeLessThan(125);
      clock.advance(10_000);
      expect(admitted()).toBeGreaterThan(195);
      expect(admitted()).toBeLessThan(250);
      clock.advance(10_000);
      expect(admitted()).toBe(250);
    }
  });

  test("lets nobody wait longer than one sample for the rate", () => {
    const { clock, arrive } = gateOf({ maxConnectionCreationRateOf: () => 1 });
    const visitors = Array.from({ length: 40 }, () => arrive("A"));
    clock.advance(31_000);
    expect(visitors.at(-1)!.state).toBe("in");
  });

  test("keeps those who wait in order, and gives a free place to the first", () => {
    const { arrive, leave } = gateOf({ maxConnections: 3, maxConnectionsOf: () => 2 });
    const [, , third, fourth] = [arrive("A"), arrive("A"), arrive("A"), arrive("A")];
    const other = arrive("B");
    expect([third!.state, fourth!.state, other.state]).toEqual(["waits", "waits", "in"]);
    leave("B");
    expect(third!.state).toBe("waits");
    leave("A");
    expect([third!.state, fourth!.state]).toEqual(["in", "waits"]);
    leave("A");
    expect(fourth!.state).toBe("in");
  });

  test("passes over those who have gone", () => {
    const { arrive, leave } = gateOf({ maxConnections: 1 });
    arrive("A");
    const [gone, next] = [arrive("A"), arrive("A")];
    gone!.isGone = true;
    leave("A");
    expect([gone!.state, next!.state]).toEqual(["waits", "in"]);
  });

  test("sees a limit that is raised", () => {
    const limits = { maxConnections: 1 };
    const { clock, gate, tooMany, arrive } = gateOf(limits);
    arrive("A");
    const second = arrive("A");
    limits.maxConnections = 2;
    clock.advance(1000);
    expect(second.state).toBe("in");
    const third = arrive("A");
    limits.maxConnections = 3;
    gate.limitsChanged();
    expect([third.state, tooMany.count]).toEqual(["in", 0]);
  });

  test("asks for as many to go as are too many when a limit is lowered", () => {
    const limits = { maxConnections: 5 };
    const { gate, tooMany, arrive } = gateOf(limits);
    for (let count = 0; count < 5; count++) arrive("A");
    limits.maxConnections = 2;
    gate.limitsChanged();
    expect(tooMany.count).toBe(3);
  });

  test("turns an address away that is too fast, late, and counts it against nobody else", () => {
    const { clock, arrive } = gateOf({
      connectionRateOf: (address) => (address === "10.0.0.1" ? 1 : Infinity),
      maxConnectionCreationRateOf: () => 10,
    });
    const fast = Array.from({ length: 30 }, () => arrive("A", "10.0.0.1"));
    expect(fast.filter(({ state }) => state === "in")).toHaveLength(10);
    const refused = fast.filter(({ state }) => state === "refused");
    expect(refused).toHaveLength(20);
    for (const { delayMs } of refused) {
      expect(delayMs).toBeGreaterThan(0);
      expect(delayMs).toBeLessThanOrEqual(1000);
    }
    const others = Array.from({ length: 80 }, () => arrive("A", "10.0.0.2"));
    expect(others.every(({ state }) => state === "in")).toBe(true);
    clock.advance(11_000);
    expect(arrive("A", "10.0.0.1").state).toBe("in");
  });

  test("refuses at once an address that has its number, and whoever comes when too many wait", () => {
    const { arrive } = gateOf({ maxConnections: 5, maxConnectionsPerIp: 2 });
    const ones = [1, 2, 3].map(() => arrive("A", "10.0.0.1"));
    expect(ones.map(({ state, delayMs }) => [state, delayMs]).at(-1)).toEqual(["refused", 0]);
    const rest = Array.from({ length: 1500 }, (_, index) => arrive("A", `10.1.0.${index}`));
    const count = (state: string) => rest.filter((visitor) => visitor.state === state).length;
    expect([count("in"), count("waits"), count("refused")]).toEqual([3, 1000, 497]);
  });

  test("lets brokers in past the number of all, and asks for one of the others to go", () => {
    const { arrive, tooMany } = gateOf({ maxConnections: 2, interBrokerListenerName: "B" });
    arrive("A");
    arrive("A");
    expect(arrive("A").state).toBe("waits");
    expect([arrive("B").state, tooMany.count]).toEqual(["in", 1]);
  });

  test("turns away whoever waits when it stops", () => {
    const { gate, arrive } = gateOf({ maxConnections: 1 });
    arrive("A");
    const second = arrive("A");
    gate.stop();
    expect(second.state).toBe("refused");
  });
});

class TestVisitor implements Visitor {
  isGone = false;
  state: "new" | "in" | "waits" | "refused" = "new";
  delayMs = 0;

  constructor(readonly address: string) {}

  admit(): void {
    this.state = "in";
  }

  wait(): void {
    this.state = "waits";
  }

  refuse(_reason: string, delayMs: number): void {
    this.state = "refused";
    this.delayMs = delayMs;
  }
}

function gateOf(limits: Partial<ServerLimits>) {
  const clock = new FakeClock();
  const tooMany = { count: 0 };
  Object.setPrototypeOf(limits, DEFAULT_LIMITS);
  const gate = new ConnectionGate(
    clock,
    limits as ServerLimits,
    (count) => (tooMany.count += count),
  );
  gate.addListener("A");
  gate.addListener("B");
  const arrive = (listenerName: string, address = "10.0.0.9") => {
    const visitor = new TestVisitor(address);
    gate.arrive(listenerName, visitor);
    return visitor;
  };
  const leave = (listenerName: string, address = "10.0.0.9") => gate.leave(listenerName, address);
  return { clock, gate, tooMany, arrive, leave };
}
