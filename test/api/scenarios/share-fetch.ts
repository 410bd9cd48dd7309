/** ShareFetch and ShareAcknowledge: who gets which record when, and what is refused. */
import { deleteRecords } from "../../../src/protocol/messages/21-delete-records.ts";
import { TransactionalProducer } from "../../sim/transactional-producer.ts";
import type { Asker, Scenario } from "../asker.ts";
import { append, makeTopic } from "./prepare.ts";
import { SHARE_STATE_SETTINGS } from "./share-state.ts";
import {
  ACCEPT,
  configureGroup,
  earliestGroup,
  GAP,
  Member,
  of,
  RECORD_LIMIT,
  REJECT,
  RELEASE,
  RENEW,
  share,
} from "./share-member.ts";

const SOON = { maxWaitMs: 50 };
const GROUP = "sharers";

export const shareFetchScenario: Scenario = {
  name: "share-fetch",
  settings: SHARE_STATE_SETTINGS,
  async run(asker) {
    await earliestGroup(asker, GROUP);
    const topicId = await makeTopic(asker, "shared", 2);
    await share(asker, GROUP, topicId, 2);
    for (let batch = 0; batch < 3; batch++) await appendTen(asker, "shared");
    await deliveries(asker, topicId);
    await perRecord(asker, topicId);
    await sessions(asker, topicId);
    await deliveryLimit(asker);
    await versionOne(asker);
  },
};

async function appendTen(asker: Asker, topic: string): Promise<void> {
  await append(asker, topic, 0, { timestamps: Array.from({ length: 10 }, (_, index) => index) });
}

async function deliveries(asker: Asker, topicId: string): Promise<void> {
  const a = new Member(asker, GROUP, "a");
  const b = new Member(asker, GROUP, "b");
  await a.fetch("ten for a", of(topicId), { maxRecords: 5 });
  await b.fetch("ten for b", of(topicId), { maxRecords: 10 });
  await a.acknowledge(
    "a accepts some and gives one back",
    of(topicId, 0, [0, 4, ACCEPT], [5, 5, RELEASE]),
  );
  await a.acknowledge("not again", of(topicId, 0, [0, 4, ACCEPT]));
  await b.acknowledge("b has not got those of a", of(topicId, 0, [6, 7, ACCEPT]));
  await b.acknowledge("b accepts a batch", of(topicId, 0, [10, 19, ACCEPT]));
  await b.fetch("b gets what a gave back", of(topicId), { maxRecords: 1 });
  await b.fetch("b rejects it on the way", of(topicId, 0, [5, 5, REJECT]));
  await a.acknowledge("a leaves", [], { shareSessionEpoch: -1 });
  await b.fetch("b gets what a had", of(topicId, 0, [20, 29, ACCEPT]));
  await b.fetch("b accepts the rest, and there is no more", of(topicId, 0, [6, 9, ACCEPT]), SOON);
  await b.fetch("nothing", [], SOON);
  await appendTen(asker, "shared");
  await b.fetch("more has come", []);
  await b.fetch("b leaves with a word", of(topicId, 0, [30, 39, ACCEPT]), {
    shareSessionEpoch: -1,
  });
}

async function perRecord(asker: Asker, topicId: string): Promise<void> {
  await appendTen(asker, "shared");
  await appendTen(asker, "shared");
  const a = new Member(asker, GROUP, "a");
  await a.fetch("two batches", of(topicId));
  await a.acknowledge(
    "each by itself",
    of(topicId, 0, [40, 49, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2], [50, 54, ACCEPT]),
  );
  await a.fetch("what was given back", []);
  await a.acknowledge("over two batches", of(topicId, 0, [55, 59, ACCEPT], [41, 41, RELEASE]));
  await a.acknowledge("the rest", of(topicId, 0, [41, 41, ACCEPT]));
  await a.fetch("the last one again", []);
  await a.acknowledge("all", of(topicId, 0, [41, 41, ACCEPT], [45, 45, ACCEPT], [49, 49, ACCEPT]));
  await a.acknowledge("what is done with counts", of(topicId, 0, [40, 41, ACCEPT]));
  await a.acknowledge("leaves", [], { shareSessionEpoch: -1 });
}

async function sessions(asker: Asker, topicId: string): Promise<void> {
  const a = new Member(asker, GROUP, "a");
  await a.fetch("an empty session", [], SOON);
  await a.fetch("a partition is added", of(topicId, 1), SOON);
  await a.fetch("nothing to tell", [], SOON);
  await a.fetch("and another", of(topicId, 0), SOON);
  const forgottenTopicsData = [{ topicId, partitions: [1, 7] }];
  await a.fetch("one is forgotten", [], { ...SOON, forgottenTopicsData });
  await append(asker, "shared", 1, { timestamps: [1, 2, 3] });
  await a.fetch("nothing of it", [], SOON);
  await a.fetch("it is back", of(topicId, 1));
  await a.fetch("an unknown partition", of(topicId, 9), SOON);
  await a.fetch("is told again", [], SOON);
  await a.fetch("begins anew", of(topicId, 1), { ...SOON, shareSessionEpoch: 0 });
  a.epoch = 1;
  await a.fetch("no records", [], { maxRecords: 0 });
  await a.fetch("no bytes", [], { maxBytes: 0 });
  await a.acknowledge("leaves", of(topicId, 1, [0, 2, ACCEPT]), { shareSessionEpoch: -1 });
  await a.acknowledge("has left", [], { shareSessionEpoch: -1 });
}

async function deliveryLimit(asker: Asker): Promise<void> {
  const topicId = await makeTopic(asker, "often");
  await share(asker, GROUP, topicId);
  await appendTen(asker, "often");
  await appendTen(asker, "often");
  const a = new Member(asker, GROUP, "a");
  for (let tries = 0; tries < 24; tries++) {
    const answer = await a.fetch(`try ${tries}`, of(topicId), SOON);
    const [partition] = answer?.responses[0]?.partitions ?? [];
    const ranges = partition?.acquiredRecords ?? [];
    if (ranges.length === 0) continue;
    const released = ranges.map(
      ({ firstOffset, lastOffset }) => [firstOffset, lastOffset, RELEASE] as const,
    );
    await a.acknowledge(`back ${tries}`, of(topicId, 0, ...released));
  }
  await a.acknowledge("leaves", [], { shareSessionEpoch: -1 });
}

async function versionOne(asker: Asker): Promise<void> {
  await appendTen(asker, "often");
  const topicId = await makeTopic(asker, "older");
  await share(asker, GROUP, topicId);
  await appendTen(asker, "older");
  const a = new Member(asker, GROUP, "a");
  await a.fetch("v1", of(topicId), {}, 1);
  await a.acknowledge("v1 knows no renewal", of(topicId, 0, [0, 9, RENEW]), {}, 1);
  await a.fetch("v1 on the way neither", of(topicId, 0, [0, 9, RENEW]), SOON, 1);
  await a.acknowledge("v1", of(topicId, 0, [0, 9, ACCEPT]), { shareSessionEpoch: -1 }, 1);
}

/** Few records may be in flight. */
export const shareLimitsScenario: Scenario = {
  name: "share-limits",
  settings: { ...SHARE_STATE_SETTINGS, "group.share.partition.max.record.locks": "100" },
  async run(asker) {
    await earliestGroup(asker, GROUP);
    const topicId = await makeTopic(asker, "limited");
    await share(asker, GROUP, topicId);
    for (let batch = 0; batch < 30; batch++) await appendTen(asker, "limited");
    const a = new Member(asker, GROUP, "a");
    const b = new Member(asker, GROUP, "b");
    await a.fetch("pieces of about twenty", of(topicId), { maxRecords: 55, batchSize: 15 });
    await b.fetch("as many as are left", of(topicId));
    await b.fetch("no room", [], SOON);
    await a.acknowledge("one in the middle", of(topicId, 0, [25, 25, RELEASE]));
    await b.fetch("that one", []);
    await b.acknowledge("done", of(topicId, 0, [25, 25, ACCEPT]));
    await b.fetch("no room still", [], SOON);
    await a.acknowledge("the first ones", of(topicId, 0, [0, 11, ACCEPT]));
    await b.fetch("room for a batch", []);
    await strict(asker);
  },
};

async function strict(asker: Asker): Promise<void> {
  const topicId = await makeTopic(asker, "strict");
  await share(asker, GROUP, topicId);
  for (let batch = 0; batch < 4; batch++) await appendTen(asker, "strict");
  const a = new Member(asker, GROUP, "c");
  const b = new Member(asker, GROUP, "d");
  const mode = { shareAcquireMode: RECORD_LIMIT };
  await a.fetch("three", of(topicId), { ...mode, maxRecords: 3 });
  await b.fetch("four", of(topicId), { ...mode, maxRecords: 4 });
  await a.fetch("what is left of the batch", [], { ...mode, maxRecords: 20 });
  await b.fetch("fifteen", [], { ...mode, maxRecords: 15, batchSize: 5 });
  await a.acknowledge("a gives back", of(topicId, 0, [0, 2, RELEASE], [7, 9, RELEASE]));
  await b.fetch("two of them", [], { ...mode, maxRecords: 2 });
  await b.fetch("in the other mode all", [], { maxRecords: 2 });
  await b.fetch("of a batch that is whole", [], { ...mode, maxRecords: 200 });
  await b.fetch("no such mode", [], { ...SOON, shareAcquireMode: 7 });
}

/** Locks last no longer than a second. */
export const shareLocksScenario: Scenario = {
  name: "share-locks",
  settings: {
    ...SHARE_STATE_SETTINGS,
    "group.share.min.record.lock.duration.ms": "1000",
    "group.share.record.lock.duration.ms": "1000",
  },
  async run(asker) {
    await earliestGroup(asker, GROUP);
    const topicId = await makeTopic(asker, "locked");
    await share(asker, GROUP, topicId);
    await appendTen(asker, "locked");
    await appendTen(asker, "locked");
    const a = new Member(asker, GROUP, "a");
    const b = new Member(asker, GROUP, "b");
    await a.fetch("a has all", of(topicId));
    await b.fetch("b waits until the time of a is up", of(topicId));
    await a.acknowledge("a is late", of(topicId, 0, [0, 2, ACCEPT]));
    await b.acknowledge("b is not", of(topicId, 0, [0, 2, ACCEPT]));
    await asker.sleep(600);
    const renewal = { isRenewAck: true };
    await b.acknowledge("more time", of(topicId, 0, [4, 8, RENEW], [9, 9, ACCEPT]), renewal);
    await b.fetch("on the way", of(topicId, 0, [10, 19, RENEW]), { ...renewal, ...NOTHING });
    await asker.sleep(600);
    await b.acknowledge("still its own", of(topicId, 0, [4, 8, ACCEPT], [10, 19, ACCEPT]));
    await renewals(asker);
  },
};

const NOTHING = { maxWaitMs: 0, minBytes: 0, maxBytes: 0, maxRecords: 0 };

async function renewals(asker: Asker): Promise<void> {
  await earliestGroup(asker, "strict", { "share.renew.acknowledge.enable": "false" });
  const topicId = await makeTopic(asker, "renewed");
  await share(asker, "strict", topicId);
  await appendTen(asker, "renewed");
  const a = new Member(asker, "strict", "a");
  await a.fetch("of a group that may not", of(topicId));
  const renewal = { isRenewAck: true };
  await a.acknowledge("all", of(topicId, 0, [0, 9, RENEW]), renewal);
  await a.acknowledge("one", of(topicId, 0, [1, 1, RENEW]), renewal);
  await a.fetch("with a fetch", of(topicId, 0, [1, 1, RENEW]), renewal);
  await a.fetch("without saying so", of(topicId, 0, [1, 1, RENEW]), SOON);
  await a.acknowledge("nor here", of(topicId, 0, [1, 1, RENEW]));
}

/** Where a group begins, and what becomes of records that go. */
export const shareStartScenario: Scenario = {
  name: "share-start",
  settings: SHARE_STATE_SETTINGS,
  async run(asker) {
    const topicId = await makeTopic(asker, "started", 1, ANY_TIME);
    for (const groupId of ["latest", "lately", "early"]) await share(asker, groupId, topicId);
    await appendTen(asker, "started");
    const latest = new Member(asker, "latest", "a");
    await latest.fetch("nothing yet", of(topicId), SOON);
    await appendTen(asker, "started");
    await latest.fetch("what has come", []);
    await configureGroup(asker, "lately", { "share.auto.offset.reset": "by_duration:PT1H" });
    const lately = new Member(asker, "lately", "a");
    await lately.fetch("the records are from 1970", of(topicId), SOON);
    await append(asker, "started", 0, { timestamps: [4_000_000_000_000] });
    await lately.fetch("but this one", of(topicId), { shareSessionEpoch: 0 });
    await deleted(asker, topicId);
  },
};

/** Records may be from the far future. */
const ANY_TIME = { "message.timestamp.after.max.ms": `${(1n << 63n) - 1n}` };

async function deleted(asker: Asker, topicId: string): Promise<void> {
  await earliestGroup(asker, "early");
  const a = new Member(asker, "early", "a");
  const b = new Member(asker, "early", "b");
  await a.fetch("all", of(topicId), { maxRecords: 10 });
  await b.fetch("the rest", of(topicId));
  await b.acknowledge("back", of(topicId, 0, [10, 19, RELEASE]));
  await asker.quietly(deleteRecords, 2, {
    topics: [{ name: "started", partitions: [{ partitionIndex: 0, offset: 15 }] }],
    timeoutMs: 5000,
  });
  await b.fetchQuietly([], SOON);
  await b.fetch("what is left", []);
  await a.acknowledge("a still has what is gone", of(topicId, 0, [0, 9, ACCEPT]));
  await b.acknowledge("all of it", of(topicId, 0, [15, 19, ACCEPT]));
  await b.fetch("the last", []);
  await asker.quietly(deleteRecords, 2, {
    topics: [{ name: "started", partitions: [{ partitionIndex: 0, offset: 21 }] }],
    timeoutMs: 5000,
  });
  await b.acknowledge("it is gone", of(topicId, 0, [20, 20, ACCEPT]));
  await b.fetch("nothing is left", [], SOON);
  await appendTen(asker, "started");
  await b.fetch("what comes now", []);
}

/** What becomes of records of transactions. */
export const shareIsolationScenario: Scenario = {
  name: "share-isolation",
  settings: {
    ...SHARE_STATE_SETTINGS,
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.num.partitions": "1",
  },
  async run(asker) {
    await earliestGroup(asker, GROUP);
    await earliestGroup(asker, "committed", { "share.isolation.level": "read_committed" });
    const topicId = await makeTopic(asker, "isolated", 1, ONE_SEGMENT);
    await share(asker, GROUP, topicId);
    await share(asker, "committed", topicId);
    const producer = new TransactionalProducer(asker, "tx", 2);
    await producer.init();
    const all = new Member(asker, GROUP, "all");
    const some = new Member(asker, "committed", "some");
    await inTransaction(producer, 3, false);
    await inTransaction(producer, 2, true);
    await producer.produce("isolated", 0, "open");
    await all.fetch("all, and the markers", of(topicId));
    await some.fetch("what is committed, and the markers", of(topicId));
    await some.acknowledge("not what was aborted", of(topicId, 0, [0, 2, ACCEPT]));
    await some.acknowledge("what it has", of(topicId, 0, [3, 6, ACCEPT]));
    await some.fetch("nothing of what is open", [], SOON);
    await producer.end(false);
    await some.fetch("the marker", []);
    await appendTen(asker, "isolated");
    await some.fetch("what comes now", of(topicId, 0, [8, 8, GAP]));
    await some.fetch("and is done with", of(topicId, 0, [9, 18, ACCEPT]), SOON);
    await all.acknowledge("all of it", of(topicId, 0, [0, 7, ACCEPT]));
    await all.fetch("the rest", []);
  },
};

/** Records are from long ago, markers from now. */
const ONE_SEGMENT = { "segment.ms": `${(1n << 63n) - 1n}` };

async function inTransaction(
  producer: TransactionalProducer,
  count: number,
  isCommit: boolean,
): Promise<void> {
  for (let index = 0; index < count; index++) await producer.produce("isolated", 0, `${index}`);
  await producer.end(isCommit);
}

export const shareErrorsScenario: Scenario = {
  name: "share-errors",
  settings: {
    ...SHARE_STATE_SETTINGS,
    "group.share.max.share.sessions": "2",
    "group.share.max.size": "2",
  },
  async run(asker) {
    await earliestGroup(asker, GROUP);
    const topicId = await makeTopic(asker, "wrong");
    await share(asker, GROUP, topicId);
    await share(asker, "others", topicId);
    const nowhere = "AAAAAAAAAAAAAAAAAAAAEg";
    await appendTen(asker, "wrong");
    const a = new Member(asker, GROUP, "a");
    await a.fetch("no session", of(topicId), { shareSessionEpoch: 1 });
    await a.fetch("no session to close", of(topicId), { shareSessionEpoch: -1 });
    await a.acknowledge("none here", of(topicId, 0, [0, 0, ACCEPT]), { shareSessionEpoch: 1 });
    await a.acknowledge("nor to close", [], { shareSessionEpoch: -1 });
    await a.acknowledge("does not open one", [], { shareSessionEpoch: 0 });
    for (const memberId of [null, "", "a".repeat(37)]) {
      await a.fetch("no member", of(topicId), { memberId });
      await a.acknowledge("no member", of(topicId), { memberId });
    }
    await a.fetch("no group", of(topicId), { groupId: null });
    await a.acknowledge("no group", of(topicId), { groupId: null });
    await a.fetch("acknowledges at once", of(topicId, 0, [0, 0, ACCEPT]));
    await a.fetch("twice the same", [...of(topicId), ...of(topicId)], SOON);
    a.epoch = 0;
    await a.fetch("and one that is", of(topicId));
    await a.fetch("another epoch", [], { shareSessionEpoch: 7 });
    await a.fetch("below all", [], { shareSessionEpoch: -7 });
    await a.acknowledge("another epoch", [], { shareSessionEpoch: 7 });
    await wrongAcknowledgements(asker, a, topicId, nowhere);
    const b = new Member(asker, "others", "b");
    await b.fetch("of another group", of(topicId, 0), SOON);
    const c = new Member(asker, GROUP, "c");
    await c.fetch("one too many", of(topicId, 0), SOON);
    await b.acknowledge("has nothing", of(topicId, 0, [0, 9, ACCEPT]));
  },
};

async function wrongAcknowledgements(
  asker: Asker,
  a: Member,
  topicId: string,
  nowhere: string,
): Promise<void> {
  const wrong = {
    "the wrong way round": [[5, 2, ACCEPT]],
    "over each other": [
      [0, 5, ACCEPT],
      [3, 7, ACCEPT],
    ],
    "one after the other, but for one": [
      [0, 5, ACCEPT],
      [5, 7, ACCEPT],
    ],
    "no type": [[0, 5]],
    "too few types": [[0, 5, 1, 1]],
    "too many types": [[0, 1, 1, 1, 1]],
    "an unknown type": [[0, 5, 9]],
    "a negative type": [[0, 5, -1]],
    "renewal without a word": [[0, 5, RENEW]],
    "behind the end": [[50, 60, ACCEPT]],
    "beyond the end": [[5, 60, ACCEPT]],
    "before the beginning": [[-5, -1, ACCEPT]],
    "from before the beginning": [[-5, 3, ACCEPT]],
    nothing: [],
  } as const;
  for (const [label, ranges] of Object.entries(wrong)) {
    await a.acknowledge(label, of(topicId, 0, ...ranges));
    await a.fetch(label, of(topicId, 0, ...ranges), SOON);
  }
  const fine = of(topicId, 0, [0, 0, ACCEPT]);
  await a.acknowledge("nowhere", of(nowhere, 0, [0, 0, ACCEPT]));
  await a.acknowledge("no such partition", of(topicId, 3, [0, 0, ACCEPT]));
  await a.acknowledge("not in its session", [...of(nowhere, 0), ...fine]);
  await a.acknowledge("no topics", []);
  await a.acknowledge("no partitions", [{ topicId, partitions: [] }]);
  await a.acknowledge("all or nothing", of(topicId, 0, [1, 2, ACCEPT], [0, 0, ACCEPT]));
  await a.acknowledge("second fails", of(topicId, 0, [1, 2, ACCEPT], [60, 61, ACCEPT]));
  await a.acknowledge("so the first did not count", of(topicId, 0, [1, 2, ACCEPT]));
  void asker;
}
