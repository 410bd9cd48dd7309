/**
 * LeaderAndIsr, no version left. Told brokers which replicas they hold, before KRaft. Kafka 4.0
 * removed all of it; the key stays taken.
 */
import { api, struct } from "../schema.ts";

export const leaderAndIsr = api({
  key: 4,
  name: "LeaderAndIsr",
  versions: [0, -1],
  listeners: [],
  clusterAction: true,
  request: struct({}),
  response: struct({}),
});
