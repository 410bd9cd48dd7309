/** What a cleaner's thread does, for `world.workers`. */
import { later } from "../../base/later.ts";
import type { WorkerTask } from "../../base/world.ts";
import type { PassReply, PassRequest } from "./pass-messages.ts";

type PassService = typeof import("./pass-service.ts");
const passService = later((): PassService => require("./pass-service.ts"));

export const cleanerTask: WorkerTask<PassRequest, PassReply> = {
  entry: "log/cleaner/cleaner-worker.ts",
  open: (world) => passService().openPassService(world),
};
