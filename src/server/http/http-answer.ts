/** What the HTTP server needs, and what it is told to send. */
import type { Logger } from "../../base/logger.ts";
import type { Clock, Network } from "../../base/world.ts";
import type { HttpRequest } from "./http-request.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The next is asked for when the one before has been taken. */
  readonly pieces: Iterator<string>;
}

export interface HttpServerOptions {
  readonly clock: Clock;
  readonly network: Network;
  readonly logger: Logger;
  /** May throw: a bug, which ends the node. */
  readonly answer: (request: HttpRequest) => HttpAnswer;
  readonly fatal: (error: unknown) => void;
}
