/** What an examiner's thread does, for `world.workers`. */
import { later } from "../../base/later.ts";
import type { WorkerTask } from "../../base/world.ts";
import type { ExaminationReply, ExaminationRequest } from "./examination-messages.ts";

type ExaminationService = typeof import("./examination-service.ts");
const service = later((): ExaminationService => require("./examination-service.ts"));

export const examinerTask: WorkerTask<ExaminationRequest, ExaminationReply> = {
  entry: "log/examiner/examiner-worker.ts",
  open: () => service().openExaminationService(),
};
