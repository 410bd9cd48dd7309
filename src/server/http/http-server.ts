/**
 * A small HTTP server for what a node tells of itself: GET and HEAD, answers that are made piece by
 * piece while they are sent, no bodies of requests.
 *
 * Whoever comes is bounded: CONNECTIONS_MAX of them, of which the one that was silent for longest
 * goes when another comes; a head of 8 KiB, whole within HEAD_MS_MAX of its first byte; an answer
 * that is taken within ANSWER_MS_MAX; one request at a time, and one piece of its answer in memory.
 * Between two pieces everybody else has a turn.
 */
import type { Listener, Socket, SocketHandler } from "../../base/world.ts";
import type { HttpServerOptions } from "./http-answer.ts";
import { HttpConnection } from "./http-connection.ts";

export const CONNECTIONS_MAX = 64;

export class HttpServer {
  readonly #options: HttpServerOptions;
  /** Those that were active last stand last. */
  readonly #connections = new Set<HttpConnection>();
  #listener: Listener | null = null;

  constructor(options: HttpServerOptions) {
    this.#options = options;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get port(): number {
    return this.#listener?.port ?? -1;
  }

  /** Throws `NetworkError` when the address cannot be had. */
  start(host: string, port: number): void {
    this.#listener = this.#options.network.listen(host, port, (socket) => this.#accept(socket));
    this.#options.logger.info(`listening on http://${host}:${this.port}`);
  }

  stop(): void {
    this.#listener?.stop();
    for (const connection of [...this.#connections]) connection.terminate();
  }

  #accept(socket: Socket): SocketHandler {
    if (this.#connections.size >= CONNECTIONS_MAX) {
      const [idlest] = this.#connections;
      idlest?.terminate();
    }
    const connection: HttpConnection = new HttpConnection(socket, this.#options, {
      active: () => {
        this.#connections.delete(connection);
        this.#connections.add(connection);
      },
      closed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
    return connection;
  }
}
