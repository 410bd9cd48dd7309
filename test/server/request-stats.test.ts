import { describe, expect, test } from "bun:test";
import type { KindStats } from "../../src/server/request-stats.ts";
import { ALONE_LATER, BAD, BIG, ECHO, ECHO_LATER, LISTENER, makeArena, SILENT } from "./kit.ts";
import { THROTTLED } from "./kit.ts";

const US = 1000;

describe("what is counted of requests", () => {
  test("each stage has its time, and they add up to the whole", () => {
    const { world, server, connect } = makeArena();
    const client = connect();
    client.request(ALONE_LATER, 1, 40);
    client.request(ALONE_LATER, 2, 20);
    world.clock.advance(100);
    expect(client.ids()).toEqual([1, 2]);
    const kind = kindOf(server, ALONE_LATER);
    expect(kind.count).toBe(2);
    expect(kind.versionCounts[1]).toBe(2);
    // The second waits for the first, then takes its own time.
    expect(Math.round(kind.histogram("queueUs").sum / US)).toBe(40);
    expect(Math.round(kind.histogram("remoteUs").sum / US)).toBe(60);
    const total = kind.histogram("totalUs");
    expect(Math.round(total.max / US)).toBe(60);
    const stages = ["queueUs", "localUs", "remoteUs", "responseQueueUs", "sendUs"] as const;
    const sum = stages.reduce((all, stage) => all + kind.histogram(stage).sum, 0);
    expect(Math.abs(sum - total.sum)).toBeLessThan(20);
    for (const stage of stages) expect(kind.histogram(stage).count).toBe(2);
  });

  test("an answer that waits for an earlier one waits in the queue of answers", () => {
    const { world, server, connect } = makeArena();
    const client = connect();
    client.request(ECHO_LATER, 1, 30);
    client.request(ECHO, 2);
    world.clock.advance(100);
    expect(client.ids()).toEqual([1, 2]);
    const echo = kindOf(server, ECHO);
    expect(Math.round(echo.histogram("responseQueueUs").max / US)).toBe(30);
    expect(echo.histogram("remoteUs").max).toBe(0);
  });

  test("an answer is sent when the kernel has its last byte", () => {
    const { world, server, connect } = makeArena({}, { pipeSizeMax: 64 * 1024 });
    const client = connect();
    client.socket.pause();
    client.request(BIG, 1, 1_000_000);
    world.clock.advance(500);
    expect([...server.requests.listener(LISTENER)][0]?.kinds).toEqual([]);
    client.socket.resume();
    world.clock.advance(100);
    const kind = kindOf(server, BIG);
    expect(kind.histogram("sendUs").max / US).toBeGreaterThan(499);
    expect(kind.histogram("responseBytes").max).toBe(1_000_008);
    expect(kind.histogram("requestBytes").max).toBe(4);
  });

  test("silence, throttles, and connections that end count, too", () => {
    const { world, server, connect } = makeArena();
    const client = connect();
    client.request(SILENT, 1);
    client.request(THROTTLED, 2, 250);
    world.clock.advance(1000);
    expect(kindOf(server, SILENT).histogram("responseBytes").max).toBe(0);
    expect(kindOf(server, THROTTLED).histogram("throttleUs").max).toBe(250 * US);
    client.request(ECHO_LATER, 3, 50);
    client.request(ECHO, 4);
    world.clock.settle();
    client.socket.terminate();
    world.clock.advance(100);
    expect(kindOf(server, ECHO_LATER).count).toBe(1);
    expect(kindOf(server, ECHO).count).toBe(1);
    const other = connect();
    other.request(BAD, 5);
    world.clock.advance(100);
    expect(kindOf(server, BAD).count).toBe(1);
  });
});

function kindOf(server: ReturnType<typeof makeArena>["server"], apiKey: number): KindStats {
  return server.requests.listener(LISTENER).of(apiKey).kind(0);
}
