/** Listeners that are opened and closed by `listeners` while the broker runs (KIP-226). */
import { afterAll, expect } from "bun:test";
import { NetworkError } from "../../src/base/world.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { metadata } from "../../src/protocol/messages/03-metadata.ts";
import { incrementalAlterConfigs } from "../../src/protocol/messages/44-incremental-alter-configs.ts";
import { BrokerProcess, killLeftovers, Scratch } from "./broker-process.ts";
import { Connection, createTopic, expectNone, topicIds } from "./client.ts";
import { faultTest } from "./faults.ts";

afterAll(killLeftovers);

const BROKER_RESOURCE = 4;
const OWN = "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0";
const PROTOCOLS = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT";
const OPENED = /listening on EXTRA:\/\/\S+:(\d+)/;

faultTest("a listener is opened, used, kept over a restart, and closed", async () => {
  using scratch = new Scratch();
  const overrides = {
    listeners: OWN,
    // Where it is not said, all are advertised, and what was advertised may not be taken back.
    "advertised.listeners": "PLAINTEXT://127.0.0.1:0",
    "controller.listener.names": "CONTROLLER",
  };
  let broker = await BrokerProcess.start(scratch.path, overrides);
  const admin = await Connection.open(broker.port);
  await createTopic(admin, "topic");
  await alterTo(admin, `${OWN},EXTRA://127.0.0.1:0`, `${PROTOCOLS},EXTRA:PLAINTEXT`);
  const extra = await Connection.open(await extraPort(broker));
  expect([...(await topicIds(extra)).keys()]).toEqual(["topic"]);
  // Who is sent elsewhere is sent where the broker said at its start that it is.
  const { brokers } = await extra.request(metadata, 12, { topics: [] });
  expect(brokers).toEqual([]);

  // What clients were told of stays, and nothing is less guarded than it was asked to be.
  const refused = [
    ["CONTROLLER://127.0.0.1:0,EXTRA://127.0.0.1:0", `${PROTOCOLS},EXTRA:PLAINTEXT`],
    [`${OWN},EXTRA://127.0.0.1:0`, `${PROTOCOLS},EXTRA:SSL`],
    [`${OWN},OTHER://127.0.0.1:0`, `${PROTOCOLS},EXTRA:PLAINTEXT`],
    [`${OWN},EXTRA://nonsense`, `${PROTOCOLS},EXTRA:PLAINTEXT`],
    ["PLAINTEXT://127.0.0.1:0", PROTOCOLS],
  ] as const;
  for (const [listeners, protocols] of refused) {
    expect(await codeOf(admin, listeners, protocols)).toBe(ErrorCode.INVALID_REQUEST);
  }
  expect([...(await topicIds(extra)).keys()]).toEqual(["topic"]);

  // An address that is not to be had is no reason to stop.
  const taken = `${OWN},EXTRA://127.0.0.1:0,TAKEN://127.0.0.1:${broker.port}`;
  await alterTo(admin, taken, `${PROTOCOLS},EXTRA:PLAINTEXT,TAKEN:PLAINTEXT`);
  await broker.line(/ERROR .*listener TAKEN is not open/);
  await alterTo(admin, `${OWN},EXTRA://127.0.0.1:0`, `${PROTOCOLS},EXTRA:PLAINTEXT`);

  expect((await broker.stop()).exitCode).toBe(0);
  broker = await BrokerProcess.start(scratch.path, overrides);
  const port = await extraPort(broker);
  const again = await Connection.open(port);
  expect([...(await topicIds(again)).keys()]).toEqual(["topic"]);
  const later = await Connection.open(broker.port);
  await alterTo(later, OWN, PROTOCOLS);
  await again.closed;
  expect(Connection.open(port)).rejects.toBeInstanceOf(NetworkError);
  expect([...(await topicIds(later)).keys()]).toEqual(["topic"]);
  expect((await broker.stop()).exitCode).toBe(0);
});

async function extraPort(broker: BrokerProcess): Promise<number> {
  return Number(OPENED.exec(await broker.line(OPENED))![1]);
}

async function alterTo(client: Connection, listeners: string, protocols: string): Promise<void> {
  expectNone("alter", await codeOf(client, listeners, protocols));
}

async function codeOf(client: Connection, listeners: string, protocols: string): Promise<number> {
  const configs = Object.entries({ listeners, "listener.security.protocol.map": protocols });
  const answer = await client.request(incrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: BROKER_RESOURCE,
        resourceName: "1",
        configs: configs.map(([name, value]) => ({ name, configOperation: 0, value })),
      },
    ],
    validateOnly: false,
  });
  return answer.responses[0]!.errorCode;
}
