/** How the clients of a consistency test reach a real broker that dies and comes back. */
import type { Api } from "../../src/protocol/schema.ts";
import { NetworkError } from "../../src/base/world.ts";
import { Unanswered, type Wire } from "../consistency/wire.ts";
import { Connection, ConnectionLost } from "./client.ts";
import type { Lives } from "./lives.ts";

const RECONNECT_MS = 20;

export class TcpWire implements Wire {
  isClosing = false;
  readonly #lives: Lives;
  /** Nobody waits for an answer on these. */
  #free: Connection[] = [];

  constructor(lives: Lives) {
    this.#lives = lives;
  }

  async ask<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Promise<R> {
    const connection = await this.#connect();
    try {
      const answer = await connection.request(api, version, request);
      this.#free.push(connection);
      return answer;
    } catch (error) {
      connection.terminate();
      if (error instanceof ConnectionLost) throw new Unanswered(error.message);
      throw error;
    }
  }

  sleep(delayMs: number): Promise<void> {
    return Bun.sleep(delayMs);
  }

  wallMs(): number {
    return Date.now();
  }

  close(): void {
    for (const connection of this.#free) connection.terminate();
    this.#free = [];
  }

  async #connect(): Promise<Connection> {
    for (;;) {
      const free = this.#free.pop();
      if (free !== undefined && !free.isClosed) return free;
      if (free !== undefined) continue;
      try {
        if (this.#lives.broker !== null) return await this.#lives.connect();
      } catch (error) {
        if (!(error instanceof NetworkError)) throw error;
      }
      await this.sleep(RECONNECT_MS);
    }
  }
}
