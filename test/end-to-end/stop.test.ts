/** SIGTERM and SIGINT: what is in flight is answered, all is on the disk, and the exit code is 0. */
import { afterAll, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { realClock } from "../../src/base/real-clock.ts";
import { fetch } from "../../src/protocol/messages/01-fetch.ts";
import { joinGroup } from "../../src/protocol/messages/11-join-group.ts";
import { BrokerProcess, brokerWords, killLeftovers, Scratch, tail } from "./broker-process.ts";
import { Connection, createTopic } from "./client.ts";
import { countOf, faultTest, newChance } from "./faults.ts";
import { PartitionLedger } from "./ledger.ts";
import { Lives } from "./lives.ts";
import { GroupCommitter, findGroup } from "./load-groups.ts";
import { LaneProducer } from "./load-producers.ts";

afterAll(killLeftovers);

const MARKER = ".kafka_cleanshutdown";
const TOPICS = {
  plain: {},
  flushed: { "flush.messages": "10", "internal.segment.bytes": "50000" },
};
/** Nobody waits for a long poll when the broker stops. */
const STOP_MS_MAX = 5_000;

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  faultTest(
    `${signal} under load loses nothing, and leaves no work for the next start`,
    async () => {
      const chance = newChance(signal);
      using scratch = new Scratch();
      const lives = new Lives(scratch.path, { "group.initial.rebalance.delay.ms": "0" });
      await lives.start();
      using connection = await lives.connect();
      const ledgers: PartitionLedger[] = [];
      for (const [topic, configs] of Object.entries(TOPICS)) {
        await createTopic(connection, topic, 2, configs);
        ledgers.push(new PartitionLedger(topic, 0), new PartitionLedger(topic, 1));
      }
      const clock = realClock();
      const producers = ledgers.flatMap((ledger) => [
        new LaneProducer(ledger, "safe", true, clock, chance),
        new LaneProducer(ledger, "plain", false, clock, chance),
      ]);
      const group = new GroupCommitter("group", "plain", true);
      const rounds = countOf("BUNKA_STOP_ROUNDS", { short: 1, all: 2, long: 10 });
      for (let round = rounds; round > 0; round--) {
        await lives.load([...producers, group], async () => {
          await Bun.sleep(50 + chance.below(300));
          await lives.stop(signal);
        });
        expect(existsSync(join(scratch.path, MARKER))).toBe(true);
        await lives.start();
        await lives.running.line(/loaded \d+ logs/);
        const lines = lives.running.lines.filter((line) =>
          / (WARN|ERROR) |without the marker/.test(line),
        );
        expect(lines).toEqual([]);
        using again = await lives.connect();
        for (const ledger of ledgers) {
          const seen = await ledger.verify(again);
          const acknowledged = ledger.lanes.flatMap((lane) => lane.acknowledged);
          const count = acknowledged.reduce((sum, batch) => sum + batch.count, 0);
          expect(seen.records.length, "every record that was taken was acknowledged").toBe(count);
        }
        await group.verify(again);
      }
      await lives.stop(signal);
    },
  );
}

faultTest("waiting requests are answered when the broker stops", async () => {
  using scratch = new Scratch();
  const broker = await BrokerProcess.start(scratch.path, {
    "group.initial.rebalance.delay.ms": "60000",
  });
  using poller = await Connection.open(broker.port);
  using joiner = await Connection.open(broker.port);
  await createTopic(poller, "topic");
  await findGroup(joiner, "group");
  const polled = poller.request(fetch, 12, {
    maxWaitMs: 120_000,
    minBytes: 1,
    topics: [
      {
        topic: "topic",
        partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
      },
    ],
    forgottenTopicsData: [],
  });
  // A member that waits for others has no answer to hope for: its connection ends.
  const joined = joiner
    .request(joinGroup, 2, {
      groupId: "group",
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      memberId: "",
      protocolType: "consumer",
      protocols: [{ name: "range", metadata: Buffer.alloc(0) }],
    })
    .then(
      ({ errorCode }) => errorCode,
      () => "closed",
    );
  // Requests of one connection are taken in order: this one's answer shows that those were taken.
  using prober = await Connection.open(broker.port);
  await findGroup(prober, "group");
  const startedMs = performance.now();
  const ending = await broker.stop();
  expect(ending.exitCode, tail(ending.lines)).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(STOP_MS_MAX);
  expect((await polled).responses[0]!.partitions[0]!.records?.length ?? 0).toBe(0);
  expect(["closed", 14, 15, 16, 25, 27]).toContain(await joined);
});

faultTest("a second signal changes nothing", async () => {
  using scratch = new Scratch();
  const broker = await BrokerProcess.start(scratch.path);
  broker.child.kill("SIGTERM");
  broker.child.kill("SIGINT");
  broker.child.kill("SIGTERM");
  const { exitCode, lines } = await broker.ended;
  expect(exitCode, tail(lines)).toBe(0);
  const marker: unknown = JSON.parse(readFileSync(join(scratch.path, MARKER), "utf8"));
  expect(marker).toMatchObject({ version: 0 });
});

faultTest("`bun run broker` hands the signal on and waits for the end", async () => {
  using scratch = new Scratch();
  const words = brokerWords({ "log.dirs": scratch.path }).slice(1);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const broker = new BrokerProcess(words, { command: [process.execPath, "run", "broker"] });
    await broker.ready();
    const { exitCode, lines } = await broker.stop(signal);
    expect(exitCode, tail(lines)).toBe(0);
    expect(existsSync(join(scratch.path, MARKER))).toBe(true);
  }
});

faultTest("a signal before it is ready ends it, and the next start finds everything", async () => {
  using scratch = new Scratch();
  const chance = newChance("early signal");
  const rounds = countOf("BUNKA_EARLY_ROUNDS", { short: 2, all: 8, long: 40 });
  for (let round = rounds; round > 0; round--) {
    const broker = new BrokerProcess(brokerWords({ "log.dirs": scratch.path }));
    await Bun.sleep(chance.below(250));
    const { exitCode, signal } = await broker.stop();
    expect([exitCode, signal]).toEqual(exitCode === 0 ? [0, null] : [null, "SIGTERM"]);
  }
  const broker = await BrokerProcess.start(scratch.path);
  expect((await broker.stop()).exitCode).toBe(0);
});
