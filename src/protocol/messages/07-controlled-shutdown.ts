/**
 * ControlledShutdown, no version left. Asked the controller for leave to stop, before KRaft. Kafka
 * 4.0 removed all of it; the key stays taken.
 */
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
