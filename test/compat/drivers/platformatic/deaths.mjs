// A leader that dies while @platformatic/kafka writes and reads: see cluster/scenarios/clients.ts.
import { until } from "../common/driver-kit.mjs";

export function deathScenarios(kit) {
  return { "leader-death": () => leaderDeath(kit, "death-platformatic", 300) };
}

const PATIENT = { retries: 200, retryDelay: 100 };

async function leaderDeath(kit, topic, count) {
  const member = await kit.member(`group-of-${topic}`, topic, { consumer: PATIENT });
  const producer = kit.producer({ ...PATIENT, idempotent: true });
  try {
    for (let index = 0; index < count; index++) {
      await producer.send({ messages: [{ topic, partition: 0, value: `v${index}` }], acks: -1 });
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    const places = () => new Map(member.seen.map(({ offset, value }) => [Number(offset), value]));
    await until("all are read", () => places().size >= count, 50_000);
    const values = [...places()].sort(([a], [b]) => a - b).map(([, value]) => value);
    const isSame = values.every((value, index) => value === `v${index}`);
    return { written: count, read: values.length, same: isSame };
  } finally {
    await producer.close();
    await member.leave();
  }
}
