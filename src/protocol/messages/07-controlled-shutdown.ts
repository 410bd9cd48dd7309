/** ControlledShutdown: no version left. */
import { api, struct } from "../schema.ts";

export const controlledShutdown = api({
  key: 7,
  name: "ControlledShutdown",
  versions: [0, -1],
  listeners: [],
  clusterAction: true,
  request: struct({}),
  response: struct({}),
});
