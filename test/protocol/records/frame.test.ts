import { describe, expect, test } from "bun:test";
import { ZERO_UUID } from "../../../src/base/uuid.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { offsetCommitKey, offsetCommitValue } from "../../../src/protocol/records/classic-group.ts";
import { consumerProtocolSubscription } from "../../../src/protocol/records/consumer-protocol.ts";
import {
  decodeFramed,
  decodeKey,
  decodeVersioned,
  encodeFramed,
  encodeKey,
  encodeVersioned,
  keyOf,
} from "../../../src/protocol/records/frame.ts";
import {
  featureLevelRecord,
  metadataRecords,
  topicRecord,
} from "../../../src/protocol/records/metadata.ts";
import { remoteLogRecords } from "../../../src/protocol/records/remote-log.ts";

describe("records of the metadata log", () => {
  test("say which they are", () => {
    const bytes = encodeFramed(topicRecord, 0, { name: "orders", topicId: ZERO_UUID });
    expect(bytes.toString("hex")).toBe(`010200${"076f7264657273"}${"00".repeat(17)}`);
    const record = decodeFramed(metadataRecords, bytes);
    expect(record).toEqual({
      name: "TopicRecord",
      version: 0,
      value: { name: "orders", topicId: ZERO_UUID },
    });
    // The name tells the type.
    expect(record.name === "TopicRecord" ? record.value.topicId : "").toBe(ZERO_UUID);
  });

  test("each list knows its own", () => {
    const bytes = encodeFramed(featureLevelRecord, 0, { name: "kraft.version", featureLevel: 1 });
    expect(decodeFramed(metadataRecords, bytes).name).toBe("FeatureLevelRecord");
    expect(() => decodeFramed(remoteLogRecords, bytes)).toThrow("record type 12 is unknown");
  });

  test("are refused with another frame, an unknown version, or garbage behind", () => {
    const good = encodeFramed(featureLevelRecord, 0, { name: "x", featureLevel: 1 });
    const bad = ["000c0002780001", "020c0002780001", "010c0102780001", "018001000000"];
    for (const hex of bad) {
      expect(() => decodeFramed(metadataRecords, Buffer.from(hex, "hex"))).toThrow(ProtocolError);
    }
    expect(() => decodeFramed(metadataRecords, Buffer.concat([good, Buffer.of(0)]))).toThrow(
      "1 bytes of garbage behind a FeatureLevelRecord",
    );
  });
});

describe("records of coordinators", () => {
  test("keys have their type in front", () => {
    const key = { group: "g", topic: "t", partition: 3 };
    const bytes = encodeKey(offsetCommitKey, key);
    expect(bytes.toString("hex")).toBe("0001" + "000167" + "000174" + "00000003");
    expect(keyOf(bytes)).toBe(offsetCommitKey.key);
    expect(decodeKey(offsetCommitKey, bytes)).toEqual(key);
    bytes.writeInt16BE(2, 0);
    expect(() => decodeKey(offsetCommitKey, bytes)).toThrow(ProtocolError);
  });

  test("values have their version in front", () => {
    const input = { offset: 10, metadata: "m", commitTimestamp: 1000 };
    const bytes = encodeVersioned(offsetCommitValue, 3, input);
    expect(bytes.toString("hex")).toBe(
      "0003" + "000000000000000a" + "ffffffff" + "00016d" + "00000000000003e8",
    );
    expect(decodeVersioned(offsetCommitValue, bytes)).toMatchObject({ ...input, leaderEpoch: -1 });
    bytes.writeInt16BE(99, 0);
    expect(() => decodeVersioned(offsetCommitValue, bytes)).toThrow("no version 99");
  });

  test("what consumers exchange, too", () => {
    const bytes = encodeVersioned(consumerProtocolSubscription, 1, {
      topics: ["a"],
      userData: null,
    });
    const value = decodeVersioned(consumerProtocolSubscription, bytes);
    expect([value.topics, value.ownedPartitions, value.generationId]).toEqual([["a"], [], -1]);
  });
});
