/** A quorum whose voters are named by the settings becomes one whose log names them (KIP-853). */
import { expect, test } from "bun:test";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { apiVersions } from "../../src/protocol/messages/18-api-versions.ts";
import { updateFeatures } from "../../src/protocol/messages/57-update-features.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";

const STATIC = {
  "controller.quorum.voters": "1@127.0.0.1:9093",
  "controller.quorum.bootstrap.servers": "",
};

test("kraft.version is raised once it is asked for in earnest, and never lowered", () => {
  const broker = startBroker(STATIC);
  expect(levelOf(broker)).toBeUndefined();
  expect(update(broker, 1, 1, true)).toBe(ErrorCode.NONE);
  expect(levelOf(broker)).toBeUndefined();
  expect(update(broker, 2, 1)).toBe(ErrorCode.INVALID_UPDATE_VERSION);
  expect(levelOf(broker)).toBeUndefined();
  expect(update(broker, 1, 1)).toBe(ErrorCode.NONE);
  expect(levelOf(broker)).toBe(1);
  expect(update(broker, 1, 1)).toBe(ErrorCode.NONE);
  expect(update(broker, 0, 2)).toBe(ErrorCode.INVALID_UPDATE_VERSION);
  expect(levelOf(broker)).toBe(1);
});

function update(
  broker: TestBroker,
  maxVersionLevel: number,
  upgradeType: number,
  validateOnly = false,
): number {
  const featureUpdates = [{ feature: "kraft.version", maxVersionLevel, upgradeType }];
  const request = { timeoutMs: 1000, featureUpdates, validateOnly };
  return broker.wait(broker.asker.quietly(updateFeatures, 2, request)).errorCode;
}

function levelOf(broker: TestBroker): number | undefined {
  const request = { clientSoftwareName: "test", clientSoftwareVersion: "1" };
  const { finalizedFeatures } = broker.wait(broker.asker.quietly(apiVersions, 4, request));
  return finalizedFeatures.find(({ name }) => name === "kraft.version")?.maxVersionLevel;
}
