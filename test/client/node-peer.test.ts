import { describe, expect, test } from "bun:test";
import { NodeError } from "../../src/client/node-error.ts";
import { NodePeer } from "../../src/client/node-peer.ts";
import { encode } from "../../src/protocol/compile.ts";
import { BufferPool } from "../../src/protocol/frames/buffer-pool.ts";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { heartbeat } from "../../src/protocol/messages/12-heartbeat.ts";
import { type FakeWorld, fakeWorld, neighbourOf } from "../sim/fake-world.ts";

const PORT = 9092;
const HEARTBEAT_V0 = 0;

describe("a peer", () => {
  test("gives each answer to whoever asked, in order, over slow and chopped sockets", () => {
    const { world, peer } = setUp();
    world.wire.conditions = {
      ...world.wire.conditions,
      delayMsMax: 20,
      shortWriteRate: 0.5,
      chunkSizeMax: 3,
    };
    answering(world, (key, count) => (key === heartbeat.key ? heartbeatOf(count) : null));
    const asked = Array.from({ length: 20 }, () => peer.ask(...HEARTBEAT, 1000, errorOf));
    // The first answer that the node gives is the one to ApiVersions.
    const answers = world.clock.await(Promise.all(asked));
    expect(answers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test("lets go of the bytes of an answer when they have been used", () => {
    const { world, peer } = setUp();
    const records = Buffer.alloc(200_000, 7);
    answering(world, (key) => (key === fetch.key ? fetchOf(records) : null));
    const [first, second] = world.clock.await(
      Promise.all([
        peer.ask(fetch, () => FETCH, 1000, sumOf, 4),
        peer.ask(fetch, () => FETCH, 1000, sumOf, 4),
      ]),
    );
    expect([first, second]).toEqual([1_400_000, 1_400_000]);
  });

  test("ends the connection when one request takes too long, and makes another", () => {
    const { world, peer } = setUp();
    let isSilent = true;
    answering(world, (key) => (key === heartbeat.key && !isSilent ? heartbeatOf(0) : null));
    const [slow, other] = [
      peer.ask(...HEARTBEAT, 500, errorOf),
      peer.ask(...HEARTBEAT, 60_000, errorOf),
    ];
    expect(world.clock.await(failureOf(slow))).toBe("timedOut");
    expect(world.clock.await(failureOf(other))).toBe("timedOut");
    expect(peer.isConnected).toBe(false);
    isSilent = false;
    expect(world.clock.await(peer.ask(...HEARTBEAT, 500, errorOf))).toBe(0);
  });

  test("says that nobody listens, that nobody accepts in time, that the node went away", () => {
    const { world, peer } = setUp();
    expect(world.clock.await(failureOf(peer.ask(...HEARTBEAT, 500, errorOf)))).toBe("unreachable");
    const node = answering(world, () => null);
    world.wire.cut("10.0.0.1", "10.0.0.2");
    expect(world.clock.await(failureOf(peer.ask(...HEARTBEAT, 500, errorOf)))).toBe("unreachable");
    world.wire.heal("10.0.0.1", "10.0.0.2");
    const asked = peer.ask(...HEARTBEAT, 60_000, errorOf);
    world.clock.schedule(100, () => node.crash());
    expect(world.clock.await(failureOf(asked))).toBe("disconnected");
  });

  test("refuses a version that the node does not speak, and an answer out of turn", () => {
    const { world, peer } = setUp();
    answering(world, () => heartbeatOf(0), { correlationIdShift: 1 });
    const wrong = peer.ask(...HEARTBEAT, 500, errorOf);
    expect(world.clock.await(failureOf(wrong))).toBe("disconnected");
    const { world: other, peer: to } = setUp();
    answering(other, () => heartbeatOf(0));
    const unknown = to.ask(fetch, () => FETCH, 500, sumOf, 3);
    expect(other.clock.await(failureOf(unknown))).toBe("unsupported");
  });

  test("connects again where the node closed with its first answer", () => {
    const { world, peer } = setUp();
    // The answer and the end come in one turn: before anybody can go on with the answer.
    const node = answering(world, () => heartbeatOf(0), { endsAfterVersions: 1 });
    expect(world.clock.await(failureOf(peer.ask(...HEARTBEAT, 500, errorOf)))).toBe("disconnected");
    expect(peer.isConnected).toBe(false);
    expect(world.clock.await(peer.ask(...HEARTBEAT, 500, errorOf))).toBe(0);
    node.crash();
  });

  test("asks nothing more when it was closed", () => {
    const { world, peer } = setUp();
    answering(world, () => null);
    const asked = peer.ask(...HEARTBEAT, 60_000, errorOf);
    world.clock.schedule(50, () => peer.close());
    expect(world.clock.await(failureOf(asked))).toBe("disconnected");
    expect(world.clock.await(failureOf(peer.ask(...HEARTBEAT, 500, errorOf)))).toBe("disconnected");
    world.clock.advanceUntil(() => world.wire.socketCount === 0);
  });
});

const HEARTBEAT = [heartbeat, () => ({ groupId: "g", generationId: 1, memberId: "m" })] as const;

const FETCH = { maxWaitMs: 0, minBytes: 0, topics: [] };

const errorOf = ({ errorCode }: { readonly errorCode: number }) => errorCode;

function sumOf(response: {
  readonly responses: readonly {
    readonly partitions: readonly { readonly records: Buffer | null }[];
  }[];
}): number {
  const records = response.responses[0]!.partitions[0]!.records!;
  return records.reduce((sum, byte) => sum + byte, 0);
}

function setUp() {
  const world = fakeWorld(1, "10.0.0.1");
  const { network, clock } = world;
  const peer = new NodePeer({
    network,
    clock,
    host: "10.0.0.2",
    port: PORT,
    clientId: "test",
    setupTimeoutMs: 2000,
    pool: new BufferPool(),
  });
  return { world, peer };
}

/** A node that answers ApiVersions, and other requests with what `answer` makes of them. */
function answering(
  world: FakeWorld,
  answer: (apiKey: number, count: number) => Buffer | null,
  { correlationIdShift = 0, endsAfterVersions = 0 } = {},
): { crash(): void } {
  const node = neighbourOf(world, "10.0.0.2");
  let count = 0;
  let endsLeft = endsAfterVersions;
  node.network.listen("10.0.0.2", PORT, (socket) => {
    let received = Buffer.alloc(0);
    let unsent = Buffer.alloc(0);
    const flush = () => {
      const taken = unsent.length === 0 ? 0 : socket.write(unsent, 0, unsent.length);
      unsent = unsent.subarray(Math.max(taken, 0));
    };
    return {
      data(chunk) {
        received = Buffer.concat([received, chunk]);
        while (received.length >= 4 && received.length >= 4 + received.readInt32BE()) {
          const size = 4 + received.readInt32BE();
          const [key, correlationId] = [received.readInt16BE(4), received.readInt32BE(8)];
          received = received.subarray(size);
          const isFirst = key === apiVersions.key;
          const body = isFirst ? VERSIONS : answer(key, ++count);
          if (body === null) continue;
          const frame = Buffer.alloc(8 + body.length);
          frame.writeInt32BE(4 + body.length);
          frame.writeInt32BE(correlationId + (isFirst ? 0 : correlationIdShift), 4);
          body.copy(frame, 8);
          unsent = Buffer.concat([unsent, frame]);
        }
        const isAnswered = unsent.length > 0;
        flush();
        if (isAnswered && endsLeft-- > 0) socket.shutdown();
      },
      drain: flush,
      end() {},
      close() {},
    };
  });
  return { crash: () => world.wire.crash("10.0.0.2") };
}

const VERSIONS = encode(apiVersions.response, 3, {
  errorCode: 0,
  apiKeys: [
    { apiKey: heartbeat.key, minVersion: 0, maxVersion: 0 },
    { apiKey: fetch.key, minVersion: 4, maxVersion: 4 },
  ],
});

function heartbeatOf(errorCode: number): Buffer {
  return encode(heartbeat.response, HEARTBEAT_V0, { errorCode });
}

function fetchOf(records: Buffer): Buffer {
  const partition = { partitionIndex: 0, errorCode: 0, highWatermark: 0, records };
  return encode(fetch.response, 4, {
    throttleTimeMs: 0,
    responses: [{ topic: "t", partitions: [{ ...partition, abortedTransactions: null }] }],
  });
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof NodeError) return error.reason;
    throw error;
  }
  throw new Error("there is no failure");
}
