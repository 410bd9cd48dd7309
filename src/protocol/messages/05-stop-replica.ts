/** StopReplica: no version left. */
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
