// Transactions with kafkajs: commit, abort, offsets, fencing.
import { until } from "../common/driver-kit.mjs";
import { consume, createTopic, errorOf, withAdmin, withProducer } from "./kit.mjs";

export function transactionScenarios(kafka) {
  return {
    "txn-commit": () => commit(kafka),
    "txn-abort": () => abort(kafka),
    "txn-offsets": () => offsets(kafka),
    "txn-fencing": () => fencing(kafka),
  };
}

function withTransactions(kafka, transactionalId, work) {
  return withProducer(kafka, { transactionalId, idempotent: true, maxInFlightRequests: 1 }, work);
}

async function send(transaction, topic, partitions, value) {
  for (let partition = 0; partition < partitions; partition++) {
    await transaction.send({ topic, messages: [{ partition, value }] });
  }
}

async function ends(kafka, topic) {
  const found = await withAdmin(kafka, (admin) => admin.fetchTopicOffsets(topic));
  return found.toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
}

/** kafkajs reads what is committed unless it is told otherwise. */
async function views(kafka, topic, committed, all) {
  const read = async (count, readUncommitted) => {
    const groupId = `${topic}-${readUncommitted}-${count}`;
    const seen = await consume(kafka, topic, count, { groupId, consumer: { readUncommitted } });
    return seen.map((message) => `${message.partition}@${message.offset}=${message.value}`);
  };
  return {
    committed: await read(committed, false),
    uncommitted: await read(all, true),
    ends: await ends(kafka, topic),
  };
}

async function commit(kafka) {
  const topic = "kjs-txn-commit";
  await createTopic(kafka, topic, 2);
  await withTransactions(kafka, topic, async (producer) => {
    for (const value of ["a", "b"]) {
      const transaction = await producer.transaction();
      await send(transaction, topic, 2, value);
      await transaction.commit();
    }
  });
  return views(kafka, topic, 4, 4);
}

async function abort(kafka) {
  const topic = "kjs-txn-abort";
  await createTopic(kafka, topic, 2);
  await withTransactions(kafka, topic, async (producer) => {
    for (const end of ["abort", "commit", "abort", "commit"]) {
      const transaction = await producer.transaction();
      await send(transaction, topic, 2, end);
      await transaction[end]();
    }
  });
  return views(kafka, topic, 4, 8);
}

async function offsets(kafka) {
  const topic = "kjs-txn-offsets";
  const consumerGroupId = "kjs-txn-group";
  await createTopic(kafka, topic, 1);
  const committed = () =>
    withAdmin(kafka, (admin) => admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] }));
  const outcome = {};
  await withTransactions(kafka, topic, async (producer) => {
    for (const end of ["abort", "commit"]) {
      const transaction = await producer.transaction();
      await send(transaction, topic, 1, end);
      const partitions = [{ partition: 0, offset: "7" }];
      await transaction.sendOffsets({ consumerGroupId, topics: [{ topic, partitions }] });
      await transaction[end]();
      const wanted = end === "abort" ? "-1" : "7";
      await until(`offsets after ${end}`, async () => {
        const found = await committed().catch(() => null);
        return found?.[0]?.partitions[0]?.offset === wanted;
      });
      outcome[end] = await committed();
    }
  });
  return outcome;
}

async function fencing(kafka) {
  const topic = "kjs-txn-fencing";
  await createTopic(kafka, topic, 1);
  return withTransactions(kafka, topic, async (zombie) => {
    const transaction = await zombie.transaction();
    await send(transaction, topic, 1, "zombie");
    await withTransactions(kafka, topic, async (next) => {
      const second = await next.transaction();
      await send(second, topic, 1, "next");
      await second.commit();
    });
    const fenced = await errorOf(() => transaction.commit());
    return { fenced, views: await views(kafka, topic, 1, 2) };
  });
}
