/** LeaderAndIsr: no version left. */
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
