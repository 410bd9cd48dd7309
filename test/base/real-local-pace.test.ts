import { describe, expect, test } from "bun:test";
import { keepPace, unpaceLocal } from "../../src/base/real-local-pace.ts";
import { realNetwork } from "../../src/base/real-network.ts";
import { socketCalls } from "../../src/base/real-socket-calls.ts";

const LISTENER = 3;
const ACCEPTED = 7;

/** A system that uses `usual`, and lets us have what is in `allowed`. */
function systemWith(usual: string, allowed = ["reno", usual]) {
  const controls = new Map([
    [LISTENER, usual],
    [ACCEPTED, usual],
  ]);
  const calls = {
    congestionControl: (descriptor: number) => controls.get(descriptor) ?? null,
    setCongestionControl(descriptor: number, name: string) {
      if (!allowed.includes(name)) return false;
      controls.set(descriptor, name);
      return true;
    },
  };
  const accept = (remoteAddress: string, localAddress: string) => {
    const pace = unpaceLocal(calls, LISTENER);
    controls.set(ACCEPTED, controls.get(LISTENER)!);
    pace(ACCEPTED, { remoteAddress, localAddress });
    return controls.get(ACCEPTED)!;
  };
  return { calls, accept };
}

describe("where the system paces", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::ffff:127.0.0.1", "::ffff:127.0.0.1"],
    ["10.0.0.7", "10.0.0.7"],
  ])("who comes from here (%s) is not paced", (remote, local) => {
    expect(systemWith("bbr").accept(remote, local)).toBe("reno");
  });

  test.each([
    ["10.0.0.8", "10.0.0.7"],
    ["2001:db8::1", "2001:db8::2"],
    ["10.127.0.1", "10.127.0.2"],
  ])("who comes from elsewhere (%s) has what the system says", (remote, local) => {
    expect(systemWith("bbr").accept(remote, local)).toBe("bbr");
  });

  test("nothing is changed that may not be", () => {
    const { calls, accept } = systemWith("bbr", ["bbr"]);
    expect(unpaceLocal(calls, LISTENER)).toBe(keepPace);
    expect(accept("127.0.0.1", "127.0.0.1")).toBe("bbr");
  });
});

test("where it does not, it is left alone", () => {
  const { calls, accept } = systemWith("cubic");
  expect(unpaceLocal(calls, LISTENER)).toBe(keepPace);
  expect(accept("127.0.0.1", "127.0.0.1")).toBe("cubic");
});

test.skipIf(process.platform !== "linux")("sockets of this machine", async () => {
  const calls = socketCalls()!;
  const { promise, resolve } = Promise.withResolvers<number>();
  const network = realNetwork();
  const handler = { data() {}, drain() {}, end() {}, close() {} };
  const listener = network.listen("127.0.0.1", 0, (socket) => {
    resolve((socket as unknown as { descriptor: number }).descriptor);
    return handler;
  });
  const client = await network.connect("127.0.0.1", listener.port, handler);
  const { descriptor } = client as unknown as { descriptor: number };
  const usual = calls.congestionControl(descriptor)!;
  expect(usual).toMatch(/^[a-z0-9_]+$/);
  expect(calls.congestionControl(await promise)).toBe(usual.startsWith("bbr") ? "reno" : usual);
  expect(calls.setCongestionControl(descriptor, "no such control")).toBe(false);
  client.terminate();
  listener.stop();
});
