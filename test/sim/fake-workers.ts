/**
 * Workers without threads: a call runs whole in a later turn of the same loop, so that everything
 * happens in one order. What crosses is copied as between threads, and errors lose their class but
 * for those of the disk.
 */
import type { Clock, Disk, Workers, WorkerTask, WorkerThread } from "../../src/base/world.ts";
import { DiskError } from "../../src/base/world.ts";

export function fakeWorkers(clock: Clock, disk: Disk): Workers {
  return {
    parallelism: 3,
    start<Request, Reply>(task: WorkerTask<Request, Reply>): WorkerThread<Request, Reply> {
      const work = task.open({ disk });
      return {
        call(request) {
          const copy = structuredClone(request);
          return new Promise((resolve, reject) => {
            clock.afterTurn(() => {
              try {
                resolve(structuredClone(work(copy)));
              } catch (error) {
                reject(error instanceof DiskError ? error : new Error(String(error)));
              }
            });
          });
        },
        end: () => undefined,
      };
    },
  };
}
