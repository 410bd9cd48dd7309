import { expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { DEFAULT_LIMITS } from "../../src/server/limits.ts";
import { limitsOf } from "../../src/server/settings-limits.ts";
import { startBroker } from "../api/broker-kit.ts";

const BROKER = 4;
const SET = 0;

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

test("num.network.threads counts for each listener, by its own setting where it has one", () => {
  expect(limitsFor({}).sendThreadsMax).toBe(3);
  expect(limitsFor({ "num.network.threads": "1" }).sendThreadsMax).toBe(1);
  const two = {
    listeners: "A://localhost:9192,B://localhost:9193,CONTROLLER://localhost:9093",
    "advertised.listeners": "A://localhost:9192,B://localhost:9193",
    "listener.security.protocol.map": "A:PLAINTEXT,B:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "A",
    "num.network.threads": "2",
    "listener.name.b.num.network.threads": "5",
  };
  expect(limitsFor(two).sendThreadsMax).toBe(7);
});

test("num.network.threads is taken from the cluster's configuration while the broker runs", () => {
  const broker = startBroker({});
  const limits = limitsOf(broker.node);
  const alter = (value: string) => {
    const configs = [{ name: "num.network.threads", configOperation: SET, value }];
    const resources = [{ resourceType: BROKER, resourceName: "", configs }];
    const request = { resources, validateOnly: false };
    const asked = broker.asker.quietly(incrementalAlterConfigs, 1, request);
    return broker.wait(asked).responses[0]!.errorCode;
  };
  expect([alter("6"), limits.sendThreadsMax]).toEqual([0, 6]);
  // Kafka's rule: no more than double, and no less than half of it at once.
  expect([alter("13"), limits.sendThreadsMax]).toEqual([ErrorCode.INVALID_REQUEST, 6]);
  expect([alter("3"), limits.sendThreadsMax]).toEqual([0, 3]);
});
