import { describe, expect, test } from "bun:test";
import {
  BROKER_HEARTBEAT,
  CREATE_TOPICS,
  REGISTER_BROKER,
} from "../../src/broker/controller-calls.ts";
import { ConfigResourceType } from "../../src/metadata/configs-image.ts";
import {
  ConfigOperation,
  incrementallyAlterConfigs,
} from "../../src/metadata/controller/alter-configs.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { beat } from "../metadata/controller-harness.ts";
import { CONTROLLER_ALONE, remoteController, requestOf } from "./remote-controller.ts";

describe("a node that is a controller alone", () => {
  test("serves brokers on other nodes, has no partitions and is no broker", () => {
    const far = remoteController(CONTROLLER_ALONE);
    const { node, channel, wait } = far;
    const { broker } = node;
    expect([...broker.image.cluster.brokers.keys()]).toEqual([]);
    expect([...broker.image.cluster.controllers.keys()]).toEqual([1]);
    expect(broker.brokerEpoch).toBe(-1);
    const nobody = wait(channel.ask(CREATE_TOPICS, creation(), 1000));
    expect(nobody.topics[0]?.errorCode).toBe(ErrorCode.INVALID_REPLICATION_FACTOR);
    const { brokerEpoch } = wait(channel.ask(REGISTER_BROKER, requestOf(far), 1000));
    const alive = beat(2, brokerEpoch, broker.metadataOffset);
    expect(wait(channel.ask(BROKER_HEARTBEAT, alive, 1000)).isFenced).toBe(false);
    const created = wait(channel.ask(CREATE_TOPICS, creation(), 1000));
    expect(created.topics[0]?.errorCode).toBe(ErrorCode.NONE);
    expect(broker.image.topics.byName("t")?.partitions[0]?.leader).toBe(2);
    expect([...broker.partitions]).toEqual([]);
  });

  test("fences a broker that has gone, and stops without waiting for anybody", () => {
    const far = remoteController(CONTROLLER_ALONE);
    const { node, channel, wait, here, world } = far;
    const { brokerEpoch } = wait(channel.ask(REGISTER_BROKER, requestOf(far), 1000));
    const alive = beat(2, brokerEpoch, node.broker.metadataOffset);
    wait(channel.ask(BROKER_HEARTBEAT, alive, 1000));
    expect(node.broker.image.cluster.broker(2)?.fenced).toBe(false);
    here.clock.advance(11_000);
    expect(node.broker.image.cluster.broker(2)?.fenced).toBe(true);
    world.clock.await(node.stop());
    expect(world.disk.status("/data/.kafka_cleanshutdown")).toBeNull();
  });

  test("follows the settings of all brokers and its own", () => {
    const { node, wait } = remoteController(CONTROLLER_ALONE);
    const { metadata, settings } = node.broker;
    const change = (resourceName: string, value: string) => {
      const configs = [{ name: "max.connections", configOperation: ConfigOperation.SET, value }];
      const resource = { resourceType: ConfigResourceType.BROKER, resourceName, configs };
      const request = { resources: [resource], validateOnly: false };
      wait(metadata.submit(incrementallyAlterConfigs(request)));
      return settings.get("max.connections");
    };
    expect(["", "2", "1"].map((name, index) => change(name, `${index + 5}`))).toEqual([5, 5, 7]);
  });
});

function creation() {
  const topic = {
    name: "t",
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  };
  return { topics: [topic], timeoutMs: 1000, validateOnly: false };
}
