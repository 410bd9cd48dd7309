/**
 * StopReplica, no version left. Told brokers to stop replicas, before KRaft. Kafka 4.0 removed all
 * of it; the key stays taken.
 */
import { api, struct } from "../schema.ts";

export const stopReplica = api({
  key: 5,
  name: "StopReplica",
  versions: [0, -1],
  listeners: [],
  clusterAction: true,
  request: struct({}),
  response: struct({}),
});
