/** Metrics of clients on their way to a collector: what arrives there, and what is bounded. */
import { describe, expect, test } from "bun:test";
import { Signal } from "../../src/base/signal.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { otlpTarget } from "../../src/broker/settings/own-settings.ts";
import { SettingError } from "../../src/broker/settings/setting-error.ts";
import { withAttributes } from "../../src/broker/telemetry/otlp-message.ts";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { getTelemetrySubscriptions } from "../../src/protocol/messages/71-get-telemetry-subscriptions.ts";
import { pushTelemetry } from "../../src/protocol/messages/72-push-telemetry.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { startBroker, type TestBroker } from "../api/broker-kit.ts";

const ENDPOINT = { "bunka.otlp.endpoint": "http://collector:4318" };
const ADA = "YWRhIGFkYSBhZGEgYWRhIA";
/** Two ResourceMetrics, the first with a resource of its own: {attributes: [{key: "a"}]}. */
const METRICS = Buffer.from("0a070a050a030a01610a00", "hex");

function get(broker: TestBroker, clientInstanceId = ADA) {
  return broker.wait(broker.asker.quietly(getTelemetrySubscriptions, 0, { clientInstanceId }));
}

function push(broker: TestBroker, metrics: Buffer, compressionType = 0, id = ADA): number {
  const { subscriptionId } = get(broker, id);
  const request = { clientInstanceId: id, subscriptionId, terminating: false };
  return broker.wait(
    broker.asker.quietly(pushTelemetry, 0, { ...request, compressionType, metrics }),
  ).errorCode;
}

describe("a push", () => {
  test("arrives at the collector with what is known of the client", () => {
    const broker = startBroker(ENDPOINT);
    expect(push(broker, gzipSync(METRICS), 1)).toBe(ErrorCode.NONE);
    const [posted] = broker.world.http.posted;
    expect(posted!.url).toBe("http://collector:4318/v1/metrics");
    expect(posted!.headers).toEqual({ "content-type": "application/x-protobuf" });
    const text = posted!.body.toString("latin1");
    // Once for each of the two resources.
    expect(text.split("client_id").length - 1).toBe(2);
    expect(text.split(ADA).length - 1).toBe(2);
    expect(text).toContain("client_source_address");
    broker.stop();
  });

  test("is not looked for where no collector is", () => {
    const broker = startBroker();
    const software = { clientSoftwareName: "a", clientSoftwareVersion: "1" };
    const { apiKeys } = broker.wait(broker.asker.quietly(apiVersions, 4, software));
    expect(apiKeys.map(({ apiKey }) => apiKey)).not.toContain(getTelemetrySubscriptions.key);
    expect(() => get(broker)).toThrow("no answer");
    broker.stop();
  });

  test("that unpacks to more than it may is refused, and nothing is sent", () => {
    const broker = startBroker({ ...ENDPOINT, "telemetry.max.bytes": "1000" });
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(10_000);
    expect(push(broker, bomb.subarray(0, 900), 4)).not.toBe(ErrorCode.NONE);
    const small = gzipSync(Buffer.alloc(100_000));
    expect(small.length).toBeLessThan(1000);
    broker.world.clock.advance(400_000);
    expect(push(broker, small, 1)).toBe(ErrorCode.INVALID_RECORD);
    expect(broker.world.http.posted).toEqual([]);
    broker.stop();
  });

  test("to a collector that is away, or slow, costs the client nothing", () => {
    const broker = startBroker(ENDPOINT);
    const { http, clock } = broker.world;
    http.status = 0;
    expect(push(broker, METRICS)).toBe(ErrorCode.NONE);
    expect(broker.lines.join("\n")).toContain("cannot be reached");
    http.hold = new Promise(() => {});
    const large = withAttributes(METRICS, new Map([["x", "y".repeat(500_000)]]));
    for (let count = 0; count < 60; count++) {
      clock.advance(400_000);
      expect(push(broker, large)).toBe(ErrorCode.NONE);
    }
    // Four are under way, and what waits is bounded.
    expect(http.posted.length).toBeLessThan(10);
    expect(broker.lines.join("\n")).toContain("too slow");
    broker.stop();
  });
});

test("an instance is forgotten with its connection, and of too many the oldest", () => {
  const broker = startBroker(ENDPOINT);
  const telemetry = broker.node.telemetry!;
  const connection = { id: 99, isClosing: false, closing: new Signal() };
  const client = {
    clientId: "c",
    softwareName: "",
    softwareVersion: "",
    address: "::1",
    port: 1,
    connection,
  };
  telemetry.subscription(ADA, client);
  expect(telemetry.instanceCount).toBe(1);
  expect(telemetry.subscription(ADA, client)).toBe(ErrorCode.THROTTLING_QUOTA_EXCEEDED);
  connection.isClosing = true;
  connection.closing.move();
  broker.world.clock.advance(1);
  expect(telemetry.instanceCount).toBe(0);
  const other = { ...client, connection: { id: 100, isClosing: false, closing: new Signal() } };
  for (let count = 0; count < 20_000; count++) telemetry.subscription(ZERO_UUID, other);
  expect(telemetry.instanceCount).toBe(16_384);
  broker.stop();
});

test("a pattern that would take for ever on a client's name does not", () => {
  const broker = startBroker(ENDPOINT);
  const configs = [
    { name: "match", configOperation: 0, value: "client_id=(s*)*(s*)*(s*)*x" },
    { name: "metrics", configOperation: 0, value: "*" },
  ];
  const resources = [{ resourceType: 16, resourceName: "slow", configs }];
  const request = { resources, validateOnly: false };
  const answer = broker.wait(broker.asker.quietly(incrementalAlterConfigs, 1, request));
  expect(answer.responses[0]!.errorCode).toBe(ErrorCode.NONE);
  const client = {
    clientId: "s".repeat(10_000),
    softwareName: "",
    softwareVersion: "",
    address: "::1",
    port: 1,
    connection: { id: 99, isClosing: false, closing: new Signal() },
  };
  expect(broker.node.telemetry!.subscription(ADA, client)).toMatchObject({ requestedMetrics: [] });
  broker.stop();
});

describe("an OTLP message", () => {
  test("that is none is refused", () => {
    for (const hex of ["12", "0a", "0a05", "0a0500", "0affffffffffffffffffffff01", "0a80"]) {
      expect(() => withAttributes(Buffer.from(hex, "hex"), new Map())).toThrow(ProtocolError);
    }
    expect(withAttributes(Buffer.alloc(0), new Map([["a", "b"]]))).toHaveLength(0);
  });
});

describe("the settings of a collector", () => {
  const target = (texts: Record<string, string>) => otlpTarget(new Map(Object.entries(texts)));

  test("are completed", () => {
    expect(target({})).toBeNull();
    expect(
      target({
        "bunka.otlp.endpoint": "https://c/otlp/x",
        "bunka.otlp.headers": "Authorization=Basic a=b, x-scope=1",
      }),
    ).toEqual({
      url: "https://c/otlp/x",
      headers: { authorization: "Basic a=b", "x-scope": "1" },
    });
  });

  test("are refused when they are wrong", () => {
    for (const endpoint of ["collector:4318", "ftp://c", "nonsense"]) {
      expect(() => target({ "bunka.otlp.endpoint": endpoint })).toThrow(SettingError);
    }
    expect(() => target({ "bunka.otlp.headers": "nonsense" })).toThrow(SettingError);
  });
});
