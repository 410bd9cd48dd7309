import { expect, test } from "bun:test";
import { electLeaders } from "../../src/protocol/messages/43-elect-leaders.ts";
import { startBroker } from "./broker-kit.ts";

test("ElectLeaders v0, which has no place for an error of the whole, is answered", () => {
  const broker = startBroker();
  for (const timeoutMs of [-1, 0, 1000]) {
    const asked = broker.asker.quietly(electLeaders, 0, {
      topicPartitions: [{ topic: "unknown", partitions: [0] }],
      timeoutMs,
    });
    const { replicaElectionResults } = broker.wait(asked);
    expect(replicaElectionResults[0]?.partitionResult[0]?.errorCode).not.toBe(0);
  }
  broker.stop();
});
