import { describe, expect, test } from "bun:test";
import { bootstrapRecords, defaultBootstrapRecords } from "../../../src/metadata/activation.ts";
import { ConfigResourceType } from "../../../src/metadata/configs-image.ts";
import { UpgradeType, updateFeatures } from "../../../src/metadata/controller/update-features.ts";
import { defaultLevel, metadataVersionNamed } from "../../../src/metadata/features.ts";
import { ErrorCode } from "../../../src/protocol/error-code.ts";
import { ALL_FEATURES, TestController } from "../controller-harness.ts";

const { UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE } = UpgradeType;

describe("features", () => {
  test("have Kafka's defaults for a new cluster", () => {
    const levels = [...ALL_FEATURES.keys()].map((name) => [name, defaultLevel(name, 30)]);
    expect(Object.fromEntries(levels)).toEqual({
      "metadata.version": 0,
      "kraft.version": 1,
      "transaction.version": 2,
      "group.version": 1,
      "eligible.leader.replicas.version": 1,
      "share.version": 1,
      "streams.version": 1,
    });
    expect(defaultLevel("group.version", 21)).toBe(0);
  });

  test("of a new cluster go no further than this program does", () => {
    const few = new Map(ALL_FEATURES).set("transaction.version", { min: 0, max: 0 });
    few.delete("share.version");
    const levels = defaultBootstrapRecords(few).map(({ value }) => value);
    expect(levels).toEqual([
      { name: "metadata.version", featureLevel: 30 },
      { name: "eligible.leader.replicas.version", featureLevel: 1 },
      { name: "group.version", featureLevel: 1 },
      { name: "streams.version", featureLevel: 1 },
    ]);
  });

  test("have metadata versions by name and by release", () => {
    expect(metadataVersionNamed("4.3-IV0")?.level).toBe(30);
    expect(metadataVersionNamed("3.7")?.level).toBe(19);
    expect(metadataVersionNamed("2.8")).toBeNull();
  });
});

describe("updateFeatures", () => {
  test("raises and lowers levels", () => {
    const controller = new TestController();
    expect(update(controller, ["group.version", 0, SAFE_DOWNGRADE]).errorCode).toBe(0);
    expect(controller.image.featureLevel("group.version")).toBe(0);
    expect(update(controller, ["group.version", 1, UPGRADE]).errorCode).toBe(0);
    expect(controller.image.featureLevel("group.version")).toBe(1);
    expect(controller.delta.changedFeatures.has("group.version")).toBe(true);
  });

  test("of old answers for each feature", () => {
    const controller = new TestController();
    const updates = { featureUpdates: [feature("group.version", 1, UPGRADE)] };
    const request = { timeoutMs: 0, validateOnly: false, ...updates };
    expect(controller.run(updateFeatures(request, 1)).results).toEqual([
      { feature: "group.version", errorCode: 0, errorMessage: null },
    ]);
  });

  const failed = "The update failed for all features since the following feature had an error: ";
  const refusals: [string, number, number, string][] = [
    [
      "group.version",
      0,
      UPGRADE,
      "Invalid update version 0 for feature group.version. Can't downgrade the version of this " +
        "feature without setting the upgrade type to either safe or unsafe downgrade.",
    ],
    [
      "group.version",
      2,
      UPGRADE,
      "Invalid update version 2 for feature group.version. Local controller 1 only supports " +
        "versions 0-1",
    ],
    [
      "nonsense",
      1,
      UPGRADE,
      "Invalid update version 1 for feature nonsense. Local controller 1 does not support this " +
        "feature.",
    ],
    [
      "group.version",
      1,
      9,
      "Invalid update version 1 for feature group.version. The controller does not support the " +
        "given upgrade type.",
    ],
    [
      "metadata.version",
      22,
      SAFE_DOWNGRADE,
      "Unsupported metadata.version downgrade from 30 to 22. Refusing to perform the requested " +
        "downgrade because it might delete metadata information.",
    ],
    [
      "metadata.version",
      22,
      UNSAFE_DOWNGRADE,
      "Unsupported metadata.version downgrade from 30 to 22. Unsafe metadata downgrade is not " +
        "supported in this version.",
    ],
    [
      "kraft.version",
      0,
      SAFE_DOWNGRADE,
      "Invalid update version 0 for feature kraft.version. Can't downgrade the version of this " +
        "feature.",
    ],
  ];
  for (const [name, level, type, message] of refusals) {
    test(`refuses ${name} ${level} as ${type}`, () => {
      const controller = new TestController();
      const before = controller.nextOffset;
      const answer = update(controller, ["group.version", 1, UPGRADE], [name, level, type]);
      expect(answer.errorCode).toBe(ErrorCode.INVALID_UPDATE_VERSION);
      expect(answer.errorMessage).toBe(failed + message);
      expect(controller.nextOffset).toBe(before);
    });
  }

  test("begins ELR with one min.insync.replicas for all brokers", () => {
    const levels = new Map([["eligible.leader.replicas.version", 0]]);
    const controller = new TestController(bootstrapRecords(30, levels));
    controller.addBroker(1);
    const { BROKER } = ConfigResourceType;
    controller.apply([
      {
        name: "ConfigRecord",
        version: 0,
        value: {
          resourceType: BROKER,
          resourceName: "1",
          name: "min.insync.replicas",
          value: "3",
        },
      },
    ]);
    update(controller, ["eligible.leader.replicas.version", 1, UPGRADE]);
    expect(controller.image.configs.get(BROKER, "", "min.insync.replicas")).toBe("1");
    expect(controller.image.configs.get(BROKER, "1", "min.insync.replicas")).toBeNull();
    expect(controller.image.isElrEnabled).toBe(true);
  });
});

function feature(name: string, maxVersionLevel: number, upgradeType: number) {
  return { feature: name, maxVersionLevel, allowDowngrade: false, upgradeType };
}

function update(controller: TestController, ...updates: [string, number, number][]) {
  const featureUpdates = updates.map((each) => feature(...each));
  const request = { timeoutMs: 0, validateOnly: false, featureUpdates };
  return controller.run(updateFeatures(request, 2));
}
