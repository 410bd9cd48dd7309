/** The other side of real-workers.ts: what runs in the thread. */
import { realDisk } from "./real-disk.ts";
import type { WorkerAnswer } from "./real-workers.ts";
import { DiskError, type WorkerTask } from "./world.ts";

declare const self: {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(answer: WorkerAnswer): void;
};

/** Answers requests for as long as the thread lives. */
export function serve<Request, Reply>(open: WorkerTask<Request, Reply>["open"]): void {
  const work = open({ disk: realDisk() });
  self.onmessage = (event: MessageEvent<Request>) => {
    self.postMessage(answerTo(() => work(event.data)));
  };
}

function answerTo(work: () => unknown): WorkerAnswer {
  try {
    return { kind: "reply", reply: work() };
  } catch (error) {
    if (error instanceof DiskError) {
      const { code, path, operation } = error;
      return { kind: "diskError", code, path, operation };
    }
    return { kind: "error", message: error instanceof Error ? error.message : String(error) };
  }
}
