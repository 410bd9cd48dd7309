/** UpdateMetadata: no version left. */
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
