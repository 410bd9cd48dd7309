// A leader that dies while kafkajs writes and reads: see cluster/scenarios/clients.ts.
import { until } from "../common/driver-kit.mjs";
import { startConsumer, withProducer } from "./kit.mjs";

export function deathScenarios(kafka) {
  return { "leader-death": () => leaderDeath(kafka, "death-kafkajs", 300) };
}

async function leaderDeath(kafka, topic, count) {
  const retry = { initialRetryTime: 100, maxRetryTime: 1000, retries: 60 };
  // Its consumer asks who coordinates the group only when it gives up and starts anew.
  const consumer = { retry: { ...retry, retries: 8 } };
  const started = await startConsumer(kafka, topic, { consumer });
  try {
    await withProducer(
      kafka,
      { idempotent: true, maxInFlightRequests: 1, retry },
      async (producer) => {
        for (let index = 0; index < count; index++) {
          const messages = [{ partition: 0, value: `v${index}` }];
          await producer.send({ topic, messages, acks: -1 });
          await new Promise((resolve) => setTimeout(resolve, 15));
        }
      },
    );
    const places = () => new Map(started.seen.map((message) => [message.offset, message.value]));
    await until("all are read", () => places().size >= count, 50_000);
    const values = [...places()].sort(([a], [b]) => a - b).map(([, value]) => value);
    const isSame = values.every((value, index) => value === `v${index}`);
    return { written: count, read: values.length, same: isSame };
  } finally {
    await started.consumer.disconnect();
  }
}
