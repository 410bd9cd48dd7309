/** Where an examiner's thread begins. */
import { serve } from "../../base/real-worker-thread.ts";
import { openExaminationService } from "./examination-service.ts";

serve(openExaminationService);
