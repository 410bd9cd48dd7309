import { describe, expect, test } from "bun:test";
import { TURN_MS } from "../../src/base/turns.ts";
import { FairTurns } from "../../src/server/fair-turns.ts";
import { FakeClock } from "../sim/fake-clock.ts";
import { ECHO, makeArena } from "./kit.ts";

function make() {
  const clock = new FakeClock();
  const turns = new FairTurns(clock);
  const taken: string[] = [];
  const keeper = (name: string, tookMs = 0) => ({
    turnCame() {
      taken.push(name);
      clock.lookTakesMs = tookMs;
    },
  });
  return { clock, turns, taken, keeper };
}

test("keeps nothing while there are breaks, or for as long as a slice lasts", () => {
  const { clock, turns } = make();
  for (let count = 0; count < 10; count++) {
    expect(turns.isOver(clock.monotonicMs())).toBe(false);
    turns.worked(clock.monotonicMs());
    clock.advance(1.5);
  }
  expect(turns.isOver(clock.monotonicMs())).toBe(false);
  turns.worked(clock.monotonicMs());
  for (let count = 0; count < 3; count++) {
    clock.advance(TURN_MS * 0.45);
    expect(turns.isOver(clock.monotonicMs())).toBe(count === 2);
    turns.worked(clock.monotonicMs());
  }
});

test("takes what is kept in its order, some in each turn, and keeps what comes behind it", () => {
  const { clock, turns, taken, keeper } = make();
  for (let count = 0; count < 5; count++) turns.keep(keeper(`${count}`, 1));
  clock.afterTurn(() => taken.push("turn"));
  expect(turns.isOver(clock.monotonicMs() + 1000)).toBe(true);
  clock.settle();
  expect(taken.filter((name) => name !== "turn")).toEqual(["0", "1", "2", "3", "4"]);
  expect(taken.indexOf("turn")).toBeLessThan(taken.indexOf("4"));
  clock.lookTakesMs = 0;
  expect(turns.isOver(clock.monotonicMs())).toBe(false);
});

test("who comes while others are taken stands behind them", () => {
  const { clock, turns, taken, keeper } = make();
  turns.keep({
    turnCame() {
      taken.push("first");
      expect(turns.isOver(clock.monotonicMs())).toBe(true);
      turns.keep(keeper("third"));
    },
  });
  turns.keep(keeper("second"));
  clock.settle();
  expect(taken).toEqual(["first", "second", "third"]);
});

describe("what comes when a turn has taken long", () => {
  test("is taken in later turns, in order, and lets timers in", () => {
    const { world, server, connect } = makeArena({}, { delayMsMax: 0 });
    const clients = Array.from({ length: 40 }, connect);
    world.clock.advance(10);
    world.clock.lookTakesMs = 0.2;
    for (let id = 0; id < 30; id++) for (const client of clients) client.request(ECHO, id, 5);
    let timers = 0;
    const tick = () => {
      if (++timers < 100) world.clock.schedule(0.1, tick);
    };
    world.clock.schedule(0.1, tick);
    world.clock.advance(5000);
    world.clock.lookTakesMs = 0;
    world.clock.advance(10);
    const expected = Array.from({ length: 30 }, (_, id) => id);
    for (const client of clients) expect(client.ids()).toEqual(expected);
    expect([timers, server.requestsQueued]).toEqual([100, 0]);
  });

  test("is answered when the client has sent its FIN behind it, or dropped when it has reset", () => {
    const { world, server, connect } = makeArena({}, { delayMsMax: 0 });
    const clients = Array.from({ length: 30 }, connect);
    world.clock.advance(10);
    world.clock.lookTakesMs = 0.5;
    for (const client of clients) for (let id = 0; id < 5; id++) client.request(ECHO, id, 5);
    for (const [index, client] of clients.entries()) {
      if (index % 3 === 0) client.socket.terminate();
      else client.finish();
    }
    world.clock.advance(5000);
    for (const [index, client] of clients.entries()) {
      if (index % 3 !== 0) expect(client.ids()).toEqual([0, 1, 2, 3, 4]);
    }
    expect([server.connectionCount, server.requestBytes]).toEqual([0, 0]);
  });
});
