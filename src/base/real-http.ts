/** HTTP of the running process, by Bun's own client. */
import { type Http, NetworkError } from "./world.ts";

export function realHttp(): Http {
  return {
    async post(url, headers, body, timeoutMs) {
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const bytes = new Uint8Array(body);
        const response = await fetch(url, { method: "POST", headers, body: bytes, signal });
        // What it says is of no use; unread it would hold the connection.
        await response.body?.cancel();
        return response.status;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new NetworkError("EHTTP", message);
      }
    },
  };
}
