import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";
import { limitsOf } from "../../src/server/settings-limits.ts";
import { startBroker } from "../api/broker-kit.ts";

function limitsFor(given: Readonly<Record<string, string>>) {
  return limitsOf(startBroker(given).node);
}

test("bytes of requests have a bound where Kafka has none, with room for any one request", () => {
  const { queuedMaxRequestBytes } = DEFAULT_LIMITS;
  expect(limitsFor({}).queuedMaxRequestBytes).toBe(queuedMaxRequestBytes);
  const given = { "queued.max.request.bytes": "200000000" };
  expect(limitsFor(given).queuedMaxRequestBytes).toBe(200_000_000);
  const large = { "socket.request.max.bytes": "2000000000" };
  expect(limitsFor(large).queuedMaxRequestBytes).toBe(2_000_000_000);
});

test("max.connections.per.ip.overrides is read anew only when it changes", () => {
  const limits = limitsFor({ "max.connections.per.ip.overrides": "10.0.0.1:5,::1:7" });
  const { maxConnectionsPerIpOverrides } = limits;
  expect(Object.fromEntries(maxConnectionsPerIpOverrides)).toEqual({ "10.0.0.1": 5, "::1": 7 });
  expect(limits.maxConnectionsPerIpOverrides).toBe(maxConnectionsPerIpOverrides);
});
