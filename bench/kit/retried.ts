/** Coordinators that are about to be there, or busy. */
import { ErrorCode, errorName, isRetriable } from "../../src/protocol/error-code.ts";

const RETRY_MS = 2;

/** Asks until it is done; rejects at an error that does not pass by itself. */
export async function retried(ask: () => Promise<number>): Promise<void> {
  for (;;) {
    const errorCode = await ask();
    if (errorCode === ErrorCode.NONE) return;
    if (!isRetriable(errorCode)) throw new Error(errorName(errorCode as ErrorCode));
    await Bun.sleep(RETRY_MS);
  }
}
