/** Where the thread of real-write-back.ts begins. */
import { serve } from "./real-worker-thread.ts";
import { openWriteBack } from "./real-write-back-work.ts";

serve(openWriteBack);
