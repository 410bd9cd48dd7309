/**
 * Partitions, groups, producers, transactional ids and connections, all of them at once on one node:
 * 10,000, 1,000, 1,000, 1,000 and 5,000 with BUNKA_FAULTS=long, a share of that otherwise. Whoever
 * asks is answered; memory stays bounded; after a clean stop all of it is there again at once.
 * What each costs as they grow is shown by `bun bench/node/growth.ts`.
 */
import { afterAll, expect } from "bun:test";
import { OPERATIONS } from "../../bench/node/growth/operations.ts";
import { Population, type Sizes } from "../../bench/node/growth/population.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { listGroups } from "../../src/protocol/messages/16-list-groups.ts";
import { describeGroups } from "../../src/protocol/messages/15-describe-groups.ts";
import { listTransactions } from "../../src/protocol/messages/66-list-transactions.ts";
import { BrokerProcess, killLeftovers, Scratch } from "./broker-process.ts";
import { Connection, LATEST, offsetFor, topicIds } from "./client.ts";
import { countOf, faultTest } from "./faults.ts";
import { afterLoading, findGroup } from "./load-groups.ts";

afterAll(killLeftovers);

const MEBIBYTE = 1024 * 1024;
const PERCENT = countOf("BUNKA_GROWTH_PERCENT", { short: 5, all: 20, long: 100 });
const SIZES: Sizes = {
  partitions: 100 * PERCENT,
  groups: 10 * PERCENT,
  producers: 10 * PERCENT,
  connections: 50 * PERCENT,
  transactions: 10 * PERCENT,
};
/** Each, by connections in turn. */
const REQUESTS = 20 * PERCENT;
const START_MS_MAX = 2_000;
/** What others do to the machine, above all to its disk, is not to be measured. */
const STARTS_MAX = 4;
const SETTINGS = { "group.initial.rebalance.delay.ms": "0", "offsets.topic.num.partitions": "10" };

faultTest("a node that holds much of everything serves, and starts again at once", async () => {
  using scratch = new Scratch();
  let broker = await BrokerProcess.start(scratch.path, SETTINGS);
  const population = await Population.open(broker.port);
  await population.grow(SIZES);
  expect(population.connections).toHaveLength(SIZES.connections);
  const slowestMs: Record<string, number> = {};
  for (const operation of OPERATIONS) slowestMs[operation.name] = await run(population, operation);
  const residentMebibytes = broker.residentBytes / MEBIBYTE;
  const memory = `${residentMebibytes.toFixed(0)} MiB`;
  console.error(`${PERCENT} %: ${memory}, slowest in ms: ${JSON.stringify(slowestMs)}`);
  expect(residentMebibytes).toBeLessThan(512);
  expect(Math.max(...Object.values(slowestMs))).toBeLessThan(1_000);
  const members = [...population.members];
  const { partitions } = population;
  population.close();
  expect((await broker.stop()).exitCode).toBe(0);

  const startsMs: number[] = [];
  do {
    if (startsMs.length > 0) await broker.stop();
    const fromMs = performance.now();
    broker = await BrokerProcess.start(scratch.path, SETTINGS);
    startsMs.push(Math.round(performance.now() - fromMs));
  } while (startsMs.at(-1)! >= START_MS_MAX && startsMs.length < STARTS_MAX);
  console.error(`ready again in ${startsMs.join(", ")} ms`);
  expect(Math.min(...startsMs)).toBeLessThan(START_MS_MAX);
  using client = await Connection.open(broker.port);
  expect((await topicIds(client)).size).toBe(new Set(partitions.map(({ topic }) => topic)).size);
  for (const { topic, index } of partitions.slice(-50)) {
    expect((await offsetFor(client, topic, index, LATEST)).offset).toBeGreaterThan(0);
  }
  await expectCoordinated(client, members);
  expect((await broker.stop()).exitCode).toBe(0);
});

/** The slowest of the requests, in milliseconds. */
async function run(population: Population, operation: (typeof OPERATIONS)[number]) {
  const { connections } = population;
  let slowest = 0;
  for (let count = 0; count < REQUESTS; count++) {
    const frame = operation.frame(population);
    const fromMs = performance.now();
    operation.check(await connections[count % connections.length]!.exchange(frame));
    slowest = Math.max(slowest, Math.round(performance.now() - fromMs));
  }
  return slowest;
}

/** Every group with its member, and every transactional id. */
async function expectCoordinated(
  client: Connection,
  members: readonly { readonly groupId: string; readonly memberId: string }[],
): Promise<void> {
  await findGroup(client, members[0]!.groupId);
  await afterLoading(async () => (await client.request(listGroups, 5, {})).errorCode);
  const groups = members.map(({ groupId }) => groupId);
  const described = await client.request(describeGroups, 5, { groups });
  const found = described.groups.map(({ groupId, groupState, members: own }) => {
    return { groupId, groupState, memberIds: own.map(({ memberId }) => memberId) };
  });
  const wanted = members.map(({ groupId, memberId }) => {
    return { groupId, groupState: "Stable", memberIds: [memberId] };
  });
  expect(found).toEqual(wanted);
  let transactionCount = 0;
  const errorCode = await afterLoading(async () => {
    const listed = await client.request(listTransactions, 1, {
      stateFilters: [],
      producerIdFilters: [],
    });
    transactionCount = listed.transactionStates.length;
    return listed.errorCode;
  });
  expect(errorCode).toBe(ErrorCode.NONE);
  expect(transactionCount).toBe(SIZES.transactions);
}
