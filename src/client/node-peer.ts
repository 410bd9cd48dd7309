/**
 * A node that others speak to: one connection, made when it is needed and again after it broke, and
 * the versions that the node speaks, asked on each new connection as Kafka's nodes do.
 *
 *   ask -> [ connect -> ApiVersions ] -> the newest version that both know -> NodeConnection
 *
 * It tries once: who asks decides whether, and when, it asks again.
 *
 * USAGE
 *   const peer = new NodePeer({ network, clock, host, port, clientId: "broker-1", ... });
 *   const reply = await peer.ask(vote, () => request, 1000, (response) => response);
 *   peer.close();
 */
import type { Clock, Network } from "../base/world.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { BufferPool } from "../protocol/frames/buffer-pool.ts";
import { apiVersions } from "../protocol/messages/18-api-versions.ts";
import type { Api } from "../protocol/schema.ts";
import { NodeConnection } from "./node-connection.ts";
import { NodeError } from "./node-error.ts";

export interface PeerOptions {
  readonly network: Network;
  readonly clock: Clock;
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  /** socket.connection.setup.timeout.ms */
  readonly setupTimeoutMs: number;
  /** For all peers of a node; answers are gathered in it. */
  readonly pool: BufferPool;
}

interface Line {
  readonly connection: NodeConnection;
  readonly versions: ReadonlyMap<number, readonly [min: number, max: number]>;
}

const SOFTWARE_NAME = "bunka";
const API_VERSIONS_VERSION = 3;

export class NodePeer {
  readonly #options: PeerOptions;
  #line: Line | null = null;
  #opening: Promise<Line> | null = null;
  #isClosed = false;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  get host(): string {
    return this.#options.host;
  }

  get port(): number {
    return this.#options.port;
  }

  get isConnected(): boolean {
    return this.#line !== null;
  }

  /**
   * See `NodeConnection.ask`. `request` makes the request for the version that was agreed on, at
   * most `versionMax`; "unsupported" where there is none. With a connection that stands, the
   * request has been given to the socket when this returns.
   */
  ask<Q, QI, R, RI, T>(
    api: Api<Q, QI, R, RI>,
    request: (version: number) => QI,
    timeoutMs: number,
    use: (response: R) => T,
    versionMax = Infinity,
  ): Promise<T> {
    const asked = (line: Line) => {
      const version = commonVersion(line, api, versionMax);
      if (version === null) {
        const { host, port } = this.#options;
        throw new NodeError("unsupported", `${host}:${port} speaks no version of ${api.name}`);
      }
      return line.connection.ask(api, version, request(version), timeoutMs, use);
    };
    if (this.#line === null) return this.#open(timeoutMs).then(asked);
    try {
      return asked(this.#line);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Whoever waits is told so; no more is asked. */
  close(): void {
    this.#isClosed = true;
    this.#line?.connection.close();
  }

  /** All that come before the connection stands share the attempt. */
  #open(timeoutMs: number): Promise<Line> {
    if (this.#isClosed) return Promise.reject(new NodeError("disconnected", "the peer was closed"));
    this.#opening ??= this.#connect(timeoutMs).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #connect(timeoutMs: number): Promise<Line> {
    const { pool } = this.#options;
    const closed = () => {
      this.#line = null;
    };
    const connection = await NodeConnection.open({ ...this.#options, closed }, pool);
    const request = { clientSoftwareName: SOFTWARE_NAME, clientSoftwareVersion: "1" };
    const versions = await connection.ask(
      apiVersions,
      API_VERSIONS_VERSION,
      request,
      timeoutMs,
      ({ errorCode, apiKeys }) => {
        if (errorCode !== ErrorCode.NONE) return null;
        return new Map(
          apiKeys.map(({ apiKey, minVersion, maxVersion }) => [
            apiKey,
            [minVersion, maxVersion] as const,
          ]),
        );
      },
    );
    if (versions === null || this.#isClosed) {
      connection.close();
      throw new NodeError("disconnected", "the node does not tell which versions it speaks");
    }
    const line = { connection, versions };
    // It may have broken in the very turn of the answer: then it is not kept, and `ask` says so.
    if (!connection.isClosed) this.#line = line;
    return line;
  }
}

function commonVersion<Q, QI, R, RI>(
  { versions }: Line,
  api: Api<Q, QI, R, RI>,
  versionMax: number,
): number | null {
  const spoken = versions.get(api.key);
  if (spoken === undefined) return null;
  const min = Math.max(api.versions[0], spoken[0]);
  const max = Math.min(api.stableVersion, spoken[1], versionMax);
  return min <= max ? max : null;
}
