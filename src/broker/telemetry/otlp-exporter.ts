/**
 * Sends OTLP messages to a collector over HTTP, a few at a time. A collector that is slow or away
 * costs no more than what may wait; beyond that messages are dropped, and the log says so.
 */
import type { Logger } from "../../base/logger.ts";
import { type Clock, type Http, NetworkError } from "../../base/world.ts";
import type { OtlpTarget } from "../settings/own-settings.ts";

export interface OtlpExporterOptions extends OtlpTarget {
  readonly clock: Clock;
  readonly http: Http;
  readonly logger: Logger;
}

const POSTS_MAX = 4;
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const WARN_EVERY_MS = 60_000;
const STATUS_OK_MIN = 200;
const STATUS_OK_MAX = 299;

export class OtlpExporter {
  readonly #options: OtlpExporterOptions;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #posts = 0;
  #warnedMs = Number.NEGATIVE_INFINITY;

  constructor(options: OtlpExporterOptions) {
    this.#options = options;
  }

  send(message: Buffer): void {
    if (this.#waitingBytes + message.length > WAITING_BYTES_MAX) {
      return this.#warn("is too slow: metrics are dropped");
    }
    this.#waiting.push(message);
    this.#waitingBytes += message.length;
    this.#postNext();
  }

  #postNext(): void {
    while (this.#posts < POSTS_MAX) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#waitingBytes -= message.length;
      this.#posts++;
      void this.#post(message).finally(() => {
        this.#posts--;
        this.#postNext();
      });
    }
  }

  async #post(message: Buffer): Promise<void> {
    const { http, url, headers } = this.#options;
    const contentType = { "content-type": "application/x-protobuf" };
    try {
      const status = await http.post(url, { ...headers, ...contentType }, message, TIMEOUT_MS);
      const isTaken = status >= STATUS_OK_MIN && status <= STATUS_OK_MAX;
      if (!isTaken) this.#warn(`answers ${status}: metrics are lost`);
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      this.#warn(`cannot be reached: ${error.message}`);
    }
  }

  #warn(what: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#warnedMs < WARN_EVERY_MS) return;
    this.#warnedMs = nowMs;
    this.#options.logger.warn(`the collector at ${this.#options.url} ${what}`);
  }
}
