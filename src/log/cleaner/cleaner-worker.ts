/** Where a cleaner's thread begins. */
import { serve } from "../../base/real-worker-thread.ts";
import { openPassService } from "./pass-service.ts";

serve(openPassService);
