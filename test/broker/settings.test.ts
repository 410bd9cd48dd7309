import { describe, expect, test } from "bun:test";
import { brokerTable } from "../../src/broker/settings/broker-settings.ts";
import { changeSettings, checkChange } from "../../src/broker/settings/change-settings.ts";
import {
  allDirectories,
  logDirectories,
  logFlushIntervalMs,
  logRetentionMs,
  logRollMs,
  metadataDirectory,
} from "../../src/broker/settings/effective.ts";
import { groupValue } from "../../src/broker/settings/group-config.ts";
import { reasonWithoutEffect } from "../../src/broker/settings/idle-settings.ts";
import { readListeners, withPortsAndHost } from "../../src/broker/settings/listeners.ts";
import { loadSettings, settingsWithoutFile } from "../../src/broker/settings/load-settings.ts";
import { unknownNames, withoutEffect } from "../../src/broker/settings/not-yet.ts";
import { SettingError } from "../../src/broker/settings/setting-error.ts";
import { Settings } from "../../src/broker/settings/settings.ts";
import { topicLogConfig } from "../../src/broker/settings/topic-log-config.ts";
import { DEFAULT_LOG_CONFIG, NEVER } from "../../src/log/log-config.ts";

const NONE: ReadonlyMap<string, string> = new Map();

/** A broker without a file, with these settings. */
function given(texts: Record<string, string> = {}): Settings {
  return new Settings(settingsWithoutFile(new Map(Object.entries(texts))));
}

function load(texts: Record<string, string> = {}): Settings {
  return loadSettings(settingsWithoutFile(new Map(Object.entries(texts))));
}

describe("values", () => {
  test("a value has the type of its row, and its default when nobody sets it", () => {
    const settings = given({ "num.partitions": " 3 ", "auto.create.topics.enable": "FALSE" });
    const partitions: number = settings.get("num.partitions");
    const creates: boolean = settings.get("auto.create.topics.enable");
    const policy: readonly string[] = settings.get("log.cleanup.policy");
    const rack: string | null = settings.get("broker.rack");
    const retentionMs: number | null = settings.get("log.retention.ms");
    const type: "CreateTime" | "LogAppendTime" = settings.get("log.message.timestamp.type");
    expect([partitions, creates, policy, rack, retentionMs, type]).toEqual([
      3,
      false,
      ["delete"],
      null,
      null,
      "CreateTime",
    ]);
  });

  test("a setting is given or not, whatever its value", () => {
    const settings = given({ "num.partitions": "1" });
    expect(settings.isGiven("num.partitions")).toBe(true);
    expect(settings.isGiven("num.io.threads")).toBe(false);
  });

  test("a listener may have its own value", () => {
    const settings = given({ "listener.name.plaintext.max.connections": "7" });
    expect(settings.getFor("PLAINTEXT", "max.connections")).toBe(7);
    expect(settings.getFor("CONTROLLER", "max.connections")).toBe(2 ** 31 - 1);
  });

  test("a bad value of one listener is refused too", () => {
    expect(() => given({ "listener.name.plaintext.max.connections": "x" })).toThrow(
      "Invalid value x for configuration listener.name.plaintext.max.connections: Not a number",
    );
  });
});

describe("without a file", () => {
  test("a broker listens on the loopback address and keeps its data below", () => {
    const settings = load();
    expect(readListeners(settings).all).toEqual([
      { name: "PLAINTEXT", protocol: "PLAINTEXT", host: "127.0.0.1", port: 9092 },
      { name: "CONTROLLER", protocol: "PLAINTEXT", host: "127.0.0.1", port: 9093 },
    ]);
    expect(settings.get("node.id")).toBe(1);
    expect(allDirectories(settings)).toEqual(["./data"]);
    expect(settings.get("offsets.topic.replication.factor")).toBe(1);
  });

  test("any free port may be asked for without a word on the controller", () => {
    const listeners = readListeners(load({ listeners: "PLAINTEXT://127.0.0.1:0" }));
    expect(listeners.broker.map((listener) => listener.port)).toEqual([0]);
    expect(listeners.controller.map((listener) => listener.port)).toEqual([0]);
  });

  test("what the command line says stays as it is", () => {
    const settings = load({ "broker.id": "5", "log.dir": "/x", "min.insync.replicas": "2" });
    expect(settings.get("node.id")).toBe(5);
    expect(settings.get("controller.quorum.voters")).toEqual(["5@localhost:9093"]);
    expect(logDirectories(settings)).toEqual(["/x"]);
    expect(settings.get("min.insync.replicas")).toBe(2);
  });
});

describe("listeners", () => {
  test("the advertised ones take the place of the others, with real ports and a host", () => {
    const settings = load({
      listeners: "PLAINTEXT://:0,CONTROLLER://:0,EXTERNAL://0.0.0.0:0",
      "advertised.listeners": "PLAINTEXT://:0,EXTERNAL://kafka.example.com:443",
      "listener.security.protocol.map":
        "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:PLAINTEXT",
    });
    const ports = new Map([
      ["PLAINTEXT", 31001],
      ["CONTROLLER", 31002],
      ["EXTERNAL", 31003],
    ]);
    const { advertised, advertisedController, interBroker } = readListeners(settings);
    expect(withPortsAndHost(advertised, ports, "here")).toEqual([
      { name: "PLAINTEXT", protocol: "PLAINTEXT", host: "here", port: 31001 },
      { name: "EXTERNAL", protocol: "PLAINTEXT", host: "kafka.example.com", port: 443 },
    ]);
    expect(withPortsAndHost(advertisedController, ports, "here")).toEqual([
      { name: "CONTROLLER", protocol: "PLAINTEXT", host: "here", port: 31002 },
    ]);
    expect(interBroker.name).toBe("PLAINTEXT");
  });
});

describe("settings that are not honoured yet", () => {
  const REFUSED: [texts: Record<string, string>, named: string][] = [
    [{ listeners: "SSL://:9092", "security.inter.broker.protocol": "SSL" }, "SSL"],
    [
      { "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer" },
      "authorizer.class.name",
    ],
    [{ "ssl.client.auth": "required" }, "ssl.client.auth"],
    [{ "sasl.enabled.mechanisms": "PLAIN" }, "sasl.enabled.mechanisms"],
    [{ "listener.name.plaintext.sasl.enabled.mechanisms": "PLAIN" }, "sasl.enabled.mechanisms"],
    [{ "delegation.token.secret.key": "x" }, "delegation.token.secret.key"],
    [{ "create.topic.policy.class.name": "com.example.Policy" }, "create.topic.policy.class.name"],
    [{ "principal.builder.class": "com.example.Builder" }, "principal.builder.class"],
    [{ "client.quota.callback.class": "com.example.Quotas" }, "client.quota.callback.class"],
  ];
  for (const [texts, named] of REFUSED) {
    test(`${Object.keys(texts).join(" and ")} is refused by name`, () => {
      expect(() => load(texts)).toThrow(SettingError);
      expect(() => load(texts)).toThrow(named);
    });
  }

  test("a guard at its default is no matter", () => {
    expect(load({ "ssl.client.auth": " none ", "sasl.enabled.mechanisms": "GSSAPI" })).toBeTruthy();
  });

  test("each of those without effect has a reason", () => {
    const idle = [...brokerTable].filter(([, { about, guards }]) => about === null && !guards);
    const unexplained = idle.filter(([name]) => reasonWithoutEffect(name) === null);
    expect(unexplained.map(([name]) => name)).toEqual([]);
  });

  test("those without effect are listed once, when set to something else", () => {
    const texts = new Map([
      ["num.network.threads", "4"],
      ["background.threads", "9"],
      ["connection.failed.authentication.delay.ms", "4"],
      ["log.cleaner.delete.retention.ms", "86400000"],
      ["num.partitions", "9"],
      ["no.such.setting", "1"],
      ["listener.name.plaintext.num.network.threads", "9"],
    ]);
    expect([...withoutEffect(texts).values()]).toEqual([
      ["background.threads"],
      ["connection.failed.authentication.delay.ms"],
    ]);
    expect(unknownNames(texts)).toEqual(["no.such.setting"]);
  });
});

describe("several names for one value", () => {
  test("the smaller unit goes before the larger", () => {
    expect(logRetentionMs(given())).toBe(604_800_000);
    expect(logRetentionMs(given({ "log.retention.hours": "1" }))).toBe(3_600_000);
    const both = { "log.retention.hours": "1", "log.retention.minutes": "2" };
    expect(logRetentionMs(given(both))).toBe(120_000);
    expect(logRetentionMs(given({ ...both, "log.retention.ms": "3" }))).toBe(3);
    expect(logRetentionMs(given({ "log.retention.minutes": "-1" }))).toBe(-1);
    expect(logRollMs(given({ "log.roll.hours": "2" }))).toBe(7_200_000);
    expect(logFlushIntervalMs(given())).toBe(NEVER);
    expect(logFlushIntervalMs(given({ "log.flush.scheduler.interval.ms": "9" }))).toBe(9);
  });

  test("directories come from log.dirs, log.dir and metadata.log.dir", () => {
    const settings = given({ "log.dirs": "/b, /a", "metadata.log.dir": "/m" });
    expect(logDirectories(settings)).toEqual(["/b", "/a"]);
    expect(metadataDirectory(settings)).toBe("/m");
    expect(allDirectories(settings)).toEqual(["/a", "/b", "/m"]);
    expect(metadataDirectory(given({ "log.dirs": "/b, /a" }))).toBe("/b");
  });
});

describe("changes while running", () => {
  test("the change for one broker goes before that for all, and that before the file", () => {
    const settings = given({ "message.max.bytes": "1000" });
    expect(changeSettings(settings, new Map([["message.max.bytes", "2000"]]), NONE)).toEqual([]);
    expect(settings.get("message.max.bytes")).toBe(2000);
    const forAll = new Map([["message.max.bytes", "2000"]]);
    changeSettings(settings, forAll, new Map([["message.max.bytes", "3000"]]));
    expect(settings.get("message.max.bytes")).toBe(3000);
    changeSettings(settings, NONE, NONE);
    expect(settings.get("message.max.bytes")).toBe(1000);
  });

  test("a change in one unit puts the file's other units out of force", () => {
    const settings = given({ "log.retention.minutes": "1" });
    changeSettings(settings, new Map([["log.retention.ms", "5000"]]), NONE);
    expect(logRetentionMs(settings)).toBe(5000);
    changeSettings(settings, NONE, NONE);
    expect(logRetentionMs(settings)).toBe(60_000);
  });

  test("watchers hear the names that differ, and no more when they stop", () => {
    const settings = given();
    const heard: string[][] = [];
    const stop = settings.watch((changed) => heard.push([...changed].sort()));
    const change = new Map([
      ["log.retention.ms", "1"],
      ["max.connections", "5"],
    ]);
    changeSettings(settings, change, NONE);
    changeSettings(settings, change, NONE);
    changeSettings(settings, new Map([["max.connections", "5"]]), NONE);
    stop();
    changeSettings(settings, NONE, NONE);
    expect(heard).toEqual([["log.retention.ms", "max.connections"], ["log.retention.ms"]]);
  });

  test("what a foreign log holds and does not fit is left out, and told", () => {
    const settings = given();
    const forAll = new Map([
      ["num.partitions", "9"],
      ["message.max.bytes", "x"],
      ["listeners", "PLAINTEXT://:1"],
      ["log.retention.ms", "7"],
    ]);
    expect(changeSettings(settings, forAll, NONE)).toEqual([
      "Changed setting message.max.bytes is left out: its value is invalid",
      "Changed setting num.partitions is left out: it cannot be changed while running",
      "Changed setting listeners is left out: it can be changed for one broker only",
    ]);
    expect(settings.get("num.partitions")).toBe(1);
    expect(logRetentionMs(settings)).toBe(7);
    expect([...settings.clusterWide.keys()]).toEqual(["log.retention.ms"]);
  });

  test("what contradicts the rest is described, but the old values stay in force", () => {
    const settings = given();
    changeSettings(settings, new Map([["message.max.bytes", "5"]]), NONE);
    const bad = new Map([
      ["log.roll.ms", "0"],
      ["message.max.bytes", "6"],
    ]);
    expect(changeSettings(settings, bad, NONE)).toEqual([
      "Changed settings are not in force: log.roll.ms must be at least 1",
    ]);
    expect(settings.get("message.max.bytes")).toBe(5);
    expect(settings.clusterWide.get("message.max.bytes")).toBe("6");
  });

  test("a guard is not taken while running either", () => {
    const change = new Map([["listener.name.plaintext.sasl.enabled.mechanisms", "PLAIN"]]);
    expect(() => checkChange(given(), change, true)).toThrow("cannot be updated dynamically yet");
  });
});

describe("topics and groups", () => {
  test("a topic without settings has Kafka's defaults", () => {
    expect(topicLogConfig(given(), NONE)).toEqual(DEFAULT_LOG_CONFIG);
  });

  test("a topic's own settings go before the broker's", () => {
    const settings = given({
      "log.retention.hours": "1",
      "log.segment.bytes": "2097152",
      "compression.type": "zstd",
    });
    const own = new Map([
      ["compression.type", "gzip"],
      ["cleanup.policy", "compact,delete"],
      ["retention.bytes", "9223372036854775807"],
    ]);
    expect(topicLogConfig(settings, own)).toEqual({
      ...DEFAULT_LOG_CONFIG,
      retentionMs: 3_600_000,
      segmentBytes: 2_097_152,
      compressionType: "gzip",
      cleanupPolicy: ["compact", "delete"],
      retentionBytes: NEVER,
    });
  });

  test("a bad setting of a topic in the log leaves the broker's", () => {
    expect(topicLogConfig(given(), new Map([["retention.ms", "x"]]))).toEqual(DEFAULT_LOG_CONFIG);
  });

  test("a segment size for tests goes before the other", () => {
    const own = new Map([["internal.segment.bytes", "1000"]]);
    expect(topicLogConfig(given(), own).segmentBytes).toBe(1000);
  });

  test("a group's own setting is brought within the broker's bounds", () => {
    const settings = given();
    const own = new Map([["consumer.session.timeout.ms", "999999"]]);
    expect(groupValue(settings, NONE, "consumer.session.timeout.ms")).toBe(45_000);
    expect(groupValue(settings, own, "consumer.session.timeout.ms")).toBe(60_000);
  });
});
