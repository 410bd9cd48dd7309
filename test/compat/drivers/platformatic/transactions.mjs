// Transactions with @platformatic/kafka: commit, abort, offsets.
import { until } from "../common/driver-kit.mjs";
import { place, sorted } from "./kit.mjs";

export function transactionScenarios(kit) {
  return {
    "txn-commit": () => commit(kit),
    "txn-abort": () => abort(kit),
    "txn-offsets": () => offsets(kit),
  };
}

const READ_UNCOMMITTED = 0;
const READ_COMMITTED = 1;

function transactional(kit, transactionalId) {
  // The first transaction of a broker waits until __transaction_state is there.
  return kit.producer({ transactionalId, idempotent: true, retries: 50 });
}

async function send(transaction, topic, partitions, value) {
  for (let partition = 0; partition < partitions; partition++) {
    await transaction.send({ messages: [{ topic, partition, value }] });
  }
}

async function views(kit, topic, committed, all) {
  const read = async (count, isolationLevel) => {
    const groupId = `${topic}-${isolationLevel}`;
    const seen = await kit.read(topic, count, { groupId, consumer: { isolationLevel } });
    return sorted(seen).map(place);
  };
  return {
    committed: await read(committed, READ_COMMITTED),
    uncommitted: await read(all, READ_UNCOMMITTED),
  };
}

async function commit(kit) {
  const topic = "p-txn-commit";
  await kit.createTopic(topic, 2);
  const producer = transactional(kit, topic);
  for (const value of ["a", "b"]) {
    const transaction = await producer.beginTransaction();
    await send(transaction, topic, 2, value);
    await transaction.commit();
  }
  await producer.close();
  return views(kit, topic, 4, 4);
}

async function abort(kit) {
  const topic = "p-txn-abort";
  await kit.createTopic(topic, 2);
  const producer = transactional(kit, topic);
  for (const end of ["abort", "commit", "abort", "commit"]) {
    const transaction = await producer.beginTransaction();
    await send(transaction, topic, 2, end);
    await transaction[end]();
  }
  await producer.close();
  return views(kit, topic, 4, 8);
}

async function offsets(kit) {
  const topic = "p-txn-offsets";
  await kit.createTopic(topic, 1);
  await kit.send([{ topic, partition: 0, value: "v" }]);
  const producer = transactional(kit, topic);
  const member = await kit.member(topic, topic);
  await until("a record", () => member.seen.length >= 1);
  const committed = async () => {
    const [group] = await kit.admin.listConsumerGroupOffsets({ groups: [topic] });
    return group.topics.flatMap((found) => found.partitions.map((p) => Number(p.committedOffset)));
  };
  const outcome = {};
  for (const end of ["abort", "commit"]) {
    const transaction = await producer.beginTransaction();
    await transaction.addConsumer(member.consumer);
    await transaction.addOffset(member.seen[0]);
    await transaction[end]();
    if (end === "commit") await until("the offset", async () => (await committed()).length > 0);
    outcome[end] = await committed();
  }
  await member.leave();
  await producer.close();
  return outcome;
}
