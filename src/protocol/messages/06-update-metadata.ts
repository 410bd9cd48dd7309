/**
 * UpdateMetadata, no version left. Told brokers the state of the cluster, before KRaft. Kafka 4.0
 * removed all of it; the key stays taken.
 */
import { api, struct } from "../schema.ts";

export const updateMetadata = api({
  key: 6,
  name: "UpdateMetadata",
  versions: [0, -1],
  listeners: [],
  clusterAction: true,
  request: struct({}),
  response: struct({}),
});
