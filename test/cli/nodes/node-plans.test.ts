import { describe, expect, test } from "bun:test";
import { settingsWithoutFile } from "../../../src/broker/settings/load-settings.ts";
import { UsageError } from "../../../src/cli/arguments.ts";
import {
  baseDirectories,
  controllerAddresses,
  isFirstVoter,
  planNodes,
  refuseChosen,
} from "../../../src/cli/nodes/node-plans.ts";

const NO_PORT = (): number => {
  throw new Error("no free port is needed");
};

function plansOf(count: number, given: Record<string, string> = {}, freePort = NO_PORT) {
  const texts = new Map(Object.entries(given));
  const complete = settingsWithoutFile(texts);
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const voters = ids.filter((id) => isFirstVoter(id, count));
  const cluster = {
    clusterId: "cluster",
    firstVoters: new Map(voters.map((id) => [id, `directory ${id}`])),
    ...controllerAddresses(complete, freePort),
  };
  return planNodes(texts, complete, count, cluster, freePort).map(({ overrides }) =>
    Object.fromEntries(overrides),
  );
}

describe("three nodes", () => {
  test("have ports, folders and ids of their own, and one quorum", () => {
    const plans = plansOf(3);
    expect(plans.map((plan) => plan["listeners"])).toEqual([
      "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:19092",
      "PLAINTEXT://127.0.0.1:9093,CONTROLLER://127.0.0.1:19093",
      "PLAINTEXT://127.0.0.1:9094,CONTROLLER://127.0.0.1:19094",
    ]);
    expect(plans.map((plan) => plan["log.dirs"])).toEqual(["./data/1", "./data/2", "./data/3"]);
    expect(plans.map((plan) => plan["node.id"])).toEqual(["1", "2", "3"]);
    for (const plan of plans) {
      expect(plan).toMatchObject({
        "process.roles": "broker,controller",
        "controller.quorum.bootstrap.servers": "127.0.0.1:19092,127.0.0.1:19093,127.0.0.1:19094",
        "controller.quorum.auto.join.enable": "false",
        "offsets.topic.replication.factor": "3",
        "transaction.state.log.min.isr": "2",
      });
    }
  });

  test("take free ports for 0", () => {
    let port = 40_000;
    const plans = plansOf(3, { listeners: "PLAINTEXT://:0" }, () => port++);
    expect(plans.map((plan) => plan["listeners"])).toEqual([
      "PLAINTEXT://:40003,CONTROLLER://127.0.0.1:40000",
      "PLAINTEXT://:40004,CONTROLLER://127.0.0.1:40001",
      "PLAINTEXT://:40005,CONTROLLER://127.0.0.1:40002",
    ]);
  });

  test("have the listeners of one side by side", () => {
    const plans = plansOf(3, {
      listeners: "INSIDE://10.0.0.1:7000,OUTSIDE://:7001,CONTROLLER://:7002",
      "advertised.listeners": "INSIDE://one:7000,OUTSIDE://two:8001",
      "listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
    });
    expect(plans.map((plan) => plan["listeners"])).toEqual([
      "INSIDE://10.0.0.1:7000,OUTSIDE://:7001,CONTROLLER://10.0.0.1:17000",
      "INSIDE://10.0.0.1:7002,OUTSIDE://:7003,CONTROLLER://10.0.0.1:17002",
      "INSIDE://10.0.0.1:7004,OUTSIDE://:7005,CONTROLLER://10.0.0.1:17004",
    ]);
    expect(plans.map((plan) => plan["advertised.listeners"])).toEqual([
      "INSIDE://one:7000,OUTSIDE://two:8001",
      "INSIDE://one:7002,OUTSIDE://two:8003",
      "INSIDE://one:7004,OUTSIDE://two:8005",
    ]);
  });

  test("find ports for controllers below where there are none above", () => {
    const [first] = plansOf(1, { listeners: "PLAINTEXT://:60000" });
    expect(first?.["listeners"]).toBe("PLAINTEXT://:60000,CONTROLLER://127.0.0.1:50000");
  });
});

test("the fourth and the fifth are brokers alone", () => {
  const plans = plansOf(5);
  expect(plans.map((plan) => plan["process.roles"])).toEqual([
    ...Array(3).fill("broker,controller"),
    ...Array(2).fill("broker"),
  ]);
  expect(plans[4]?.["listeners"]).toBe("PLAINTEXT://127.0.0.1:9096");
});

test("of two the first alone votes", () => {
  const plans = plansOf(2);
  expect(plans.map((plan) => plan["process.roles"])).toEqual(["broker,controller", "broker"]);
  expect(plans[0]?.["controller.quorum.bootstrap.servers"]).toBe("127.0.0.1:19092");
  expect(plans[0]?.["offsets.topic.replication.factor"]).toBe("2");
});

test("what was one node and is three now lets the others join its quorum", () => {
  const texts = settingsWithoutFile(new Map());
  const cluster = {
    clusterId: "cluster",
    firstVoters: new Map([[1, "directory"]]),
    controllerHost: "127.0.0.1",
    controllerPorts: [19_092, 19_093, 19_094],
  };
  const plans = planNodes(new Map(), texts, 3, cluster, NO_PORT);
  expect(plans.map(({ overrides }) => overrides.get("controller.quorum.auto.join.enable"))).toEqual(
    ["false", "true", "true"],
  );
});

test("each of several directories has one for each node", () => {
  const given = { "log.dirs": "/a,/b", "metadata.log.dir": "/m" };
  expect(baseDirectories(settingsWithoutFile(new Map(Object.entries(given))))).toEqual([
    "/a",
    "/b",
  ]);
  const second = plansOf(3, given)[1];
  expect(second).toMatchObject({ "log.dirs": "/a/2,/b/2", "metadata.log.dir": "/m/2" });
});

test("what somebody set for internal topics is theirs", () => {
  const [first] = plansOf(3, { "offsets.topic.replication.factor": "2" });
  expect(first).not.toHaveProperty("offsets.topic.replication.factor");
});

test("what --nodes says itself cannot be given beside it", () => {
  for (const name of ["node.id", "process.roles", "controller.quorum.voters"]) {
    expect(() => refuseChosen(new Map([[name, "1"]]))).toThrow(UsageError);
  }
});
