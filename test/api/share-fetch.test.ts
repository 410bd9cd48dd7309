/** What the recorded answers leave out of share groups: limits, the switch, bugs that Kafka has. */
import { describe, expect, test } from "bun:test";
import { alterClientQuotas } from "../../src/protocol/messages/49-alter-client-quotas.ts";
import { updateFeatures } from "../../src/protocol/messages/57-update-features.ts";
import { ErrorCode } from "../../src/protocol/error-code.ts";
import { startBroker, type TestBroker } from "./broker-kit.ts";
import { append, makeTopic } from "./scenarios/prepare.ts";
import { ACCEPT, earliestGroup, Member, of, share } from "./scenarios/share-member.ts";

const GROUP = "sharers";
const NOWHERE = "AAAAAAAAAAAAAAAAAAAAEg";
const UNSAFE_DOWNGRADE = 3;

async function begin({ asker }: TestBroker): Promise<string> {
  await earliestGroup(asker, GROUP);
  const topicId = await makeTopic(asker, "t");
  await share(asker, GROUP, topicId);
  await append(asker, "t", 0, { timestamps: [1, 2, 3] });
  return topicId;
}

function rangesOf(answer: Awaited<ReturnType<Member["fetchQuietly"]>>) {
  return answer.responses
    .flatMap(({ partitions }) => partitions)
    .flatMap(({ acquiredRecords }) => acquiredRecords)
    .map(({ firstOffset, lastOffset, deliveryCount }) => [firstOffset, lastOffset, deliveryCount]);
}

async function limit({ asker }: TestBroker, value: number): Promise<void> {
  const ops = [{ key: "consumer_byte_rate", value, remove: false }];
  const entity = [{ entityType: "client-id", entityName: "scenario" }];
  await asker.quietly(alterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
}

describe("a member over its limit", () => {
  test("gets nothing now, and the same records later, counted once", () => {
    const broker = startBroker();
    const topicId = broker.wait(begin(broker));
    const member = new Member(broker.asker, GROUP, "a");
    broker.wait(limit(broker, 1));
    const throttled = broker.wait(member.fetchQuietly(of(topicId)));
    expect([throttled.throttleTimeMs > 0, rangesOf(throttled)]).toEqual([true, []]);
    broker.wait(limit(broker, 1_000_000));
    broker.world.clock.advance(60_000);
    const later = broker.wait(member.fetchQuietly([]));
    expect([later.throttleTimeMs, rangesOf(later)]).toEqual([0, [[0, 2, 1]]]);
    broker.stop();
  });
});

describe("a topic id that nothing has", () => {
  test("is an error of its partition, where Kafka fails the whole fetch", () => {
    const broker = startBroker();
    const topicId = broker.wait(begin(broker));
    const member = new Member(broker.asker, GROUP, "a");
    const topics = [...of(NOWHERE), ...of(topicId)];
    const answer = broker.wait(member.fetchQuietly(topics));
    expect(answer.errorCode).toBe(ErrorCode.NONE);
    const errors = answer.responses.map((topic) => [
      topic.topicId,
      topic.partitions[0]!.errorCode as ErrorCode,
    ]);
    expect(new Map(errors as [string, ErrorCode][])).toEqual(
      new Map([
        [NOWHERE, ErrorCode.UNKNOWN_TOPIC_ID],
        [topicId, ErrorCode.NONE],
      ]),
    );
    expect(rangesOf(answer)).toEqual([[0, 2, 1]]);
    broker.stop();
  });
});

describe("share groups that are switched off", () => {
  test("are forgotten by the leader, and begin again where they were", () => {
    const broker = startBroker();
    const topicId = broker.wait(begin(broker));
    const member = new Member(broker.asker, GROUP, "a");
    broker.wait(member.fetchQuietly(of(topicId)));
    broker.wait(member.acknowledge("one", of(topicId, 0, [0, 0, ACCEPT])));
    broker.wait(switchTo(broker, 0));
    const refused = broker.wait(member.fetchQuietly([]));
    expect<number>(refused.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    const also = broker.wait(member.acknowledge("two", of(topicId, 0, [1, 1, ACCEPT])));
    expect<number | undefined>(also?.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(broker.node.shareFetching.sessions.size).toBe(0);
    expect([...broker.node.shareFetching.partitions]).toEqual([]);
    broker.wait(switchTo(broker, 1));
    member.epoch = 0;
    expect(rangesOf(broker.wait(member.fetchQuietly(of(topicId))))).toEqual([[1, 2, 1]]);
    broker.stop();
  });
});

async function switchTo({ asker }: TestBroker, level: number): Promise<void> {
  const upgradeType = level === 0 ? UNSAFE_DOWNGRADE : 1;
  const update = { feature: "share.version", maxVersionLevel: level, upgradeType };
  await asker.quietly(updateFeatures, 1, { featureUpdates: [update] });
}
