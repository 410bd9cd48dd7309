/** Texts, values and refusals as Kafka's ConfigDef has them. */
import { expect, test } from "bun:test";
import { brokerSettings } from "../../src/broker/settings/broker-settings.ts";
import { groupEntitySettings } from "../../src/broker/settings/entity-settings.ts";
import type { Setting } from "../../src/broker/settings/setting.ts";
import { topicSettings } from "../../src/broker/settings/topic-settings.ts";
import { canonicalText, javaDouble, parseSetting } from "../../src/broker/settings/value.ts";

const rows: Record<string, Setting> = {
  ...groupEntitySettings,
  ...topicSettings,
  ...brokerSettings,
};

const GOOD: [name: string, text: string, canonical: string][] = [
  ["num.partitions", " +5 ", "5"],
  ["log.retention.bytes", "-0", "0"],
  ["log.flush.interval.messages", "9223372036854775807", "9223372036854775807"],
  ["log.retention.bytes", "9007199254740993", "9007199254740993"],
  ["log.retention.bytes", "-9223372036854775808", "-9223372036854775808"],
  ["auto.create.topics.enable", "\tTRUE ", "true"],
  ["log.cleanup.policy", " compact , delete ", "compact,delete"],
  ["log.cleanup.policy", "delete,delete", "delete"],
  ["log.cleanup.policy", "", ""],
  ["log.cleaner.min.cleanable.ratio", "1", "1.0"],
  ["log.cleaner.min.cleanable.ratio", ".5e-3f", "5.0E-4"],
  ["compression.gzip.level", "-1", "-1"],
  ["broker.rack", "  a b ", "a b"],
  ["group.consumer.migration.policy", "UPgrade", "UPgrade"],
  ["share.auto.offset.reset", "by_duration:P1DT2H3.5S", "by_duration:P1DT2H3.5S"],
  ["follower.replication.throttled.replicas", "0:1, 2:3", "0:1,2:3"],
  ["follower.replication.throttled.replicas", "*", "*"],
];

for (const [name, text, canonical] of GOOD) {
  test(`${name}=${text} reads as ${canonical}`, () => {
    const setting = rows[name]!;
    parseSetting(name, setting, text);
    expect(canonicalText(name, setting, text)).toBe(canonical);
  });
}

const BAD: [name: string, text: string, reason: string][] = [
  ["compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"],
  ["num.partitions", " x", "Not a number of type INT"],
  ["num.partitions", "99999999999", "Not a number of type INT"],
  ["num.partitions", "1.0", "Not a number of type INT"],
  ["num.partitions", "2147483648", "Not a number of type INT"],
  ["log.retention.bytes", "9223372036854775808", "Not a number of type LONG"],
  ["offsets.topic.replication.factor", "40000", "Not a number of type SHORT"],
  ["log.cleaner.io.buffer.load.factor", "x", "Not a number of type DOUBLE"],
  ["num.partitions", "0", "Value must be at least 1"],
  ["compression.lz4.level", "18", "Value must be no more than 17"],
  ["auto.create.topics.enable", "yes", "Expected value to be either true or false"],
  ["remote.log.storage.manager.impl.prefix", "", "String must be non-empty"],
  ["log.message.timestamp.type", "x", "String must be one of: CreateTime, LogAppendTime"],
];

for (const [name, text, reason] of BAD) {
  test(`${name}=${text} is refused`, () => {
    expect(() => parseSetting(name, rows[name]!, text)).toThrow(
      `Invalid value ${text} for configuration ${name}: ${reason}`,
    );
  });
}

const DURATIONS: [text: string, isGood: boolean][] = [
  ["PT0S", true],
  ["P1D", true],
  ["pt1h", true],
  ["P", false],
  ["PT", false],
  ["P1DT", false],
  ["PT-1S", false],
  ["1H", false],
];

for (const [text, isGood] of DURATIONS) {
  test(`a share group may start ${text} ago: ${isGood}`, () => {
    const name = "share.auto.offset.reset";
    const parse = () => parseSetting(name, rows[name]!, `by_duration:${text}`);
    if (isGood) expect(parse()).toBe(`by_duration:${text}`);
    else expect(parse).toThrow("The value must be either 'earliest', 'latest'");
  });
}

test("a double is spelt as Java spells it", () => {
  const spelt: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [0.001, "0.001"],
    [0.0001, "1.0E-4"],
    [9_999_999, "9999999.0"],
    [10_000_000, "1.0E7"],
    [1.5e300, "1.5E300"],
    [Number.MAX_VALUE, "1.7976931348623157E308"],
    [-Infinity, "-Infinity"],
    [NaN, "NaN"],
  ];
  for (const [value, text] of spelt) expect(javaDouble(value)).toBe(text);
});
