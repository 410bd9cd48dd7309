/**
 * One connection of a client without any logic: it sends a request and waits for the answer.
 *
 *   const connection = await RawConnection.open(port);
 *   const answer = await connection.ask(createTopics, 4, { topics, timeoutMs });
 *   connection.close();
 */
import { decode, encode } from "../../src/protocol/compile.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeaderVersion,
} from "../../src/protocol/messages/header.ts";
import type { AnyApi, Api } from "../../src/protocol/schema.ts";

/** Size and correlation id; behind them the count of tagged fields, where there is one. */
const RESPONSE_HEADER_SIZE = 8;

export class RawConnection {
  #received = Buffer.alloc(0);
  #socket: Bun.Socket | null = null;
  #waiting: PromiseWithResolvers<Buffer> | null = null;
  #unsent: Buffer = Buffer.alloc(0);

  /** Rejects when nobody listens. */
  static async open(port: number, host = "127.0.0.1"): Promise<RawConnection> {
    const connection = new RawConnection();
    connection.#socket = await Bun.connect({
      hostname: host,
      port,
      socket: {
        data: (_socket, chunk) => connection.#data(chunk),
        drain: () => connection.#send(),
        close: () => connection.#waiting?.reject(new Error("the broker closed the connection")),
      },
    });
    return connection;
  }

  /** Use `open`. */
  private constructor() {}

  async ask<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Promise<R> {
    const response = await this.exchange(frameOf(api, version, request));
    const taggedFieldsSize = responseHeaderVersion(api as unknown as AnyApi, version);
    return decode(
      api.response,
      version,
      response.subarray(RESPONSE_HEADER_SIZE + taggedFieldsSize),
    );
  }

  /** Sends one frame and gives the whole answer, with its size in front. */
  async exchange(frame: Buffer): Promise<Buffer> {
    this.#waiting = Promise.withResolvers();
    this.#unsent = frame;
    this.#send();
    return this.#waiting.promise;
  }

  close(): void {
    this.#waiting = null;
    this.#socket?.terminate();
  }

  #send(): void {
    const sent = this.#socket?.write(this.#unsent) ?? -1;
    if (sent < 0) throw new Error("the frame was not sent");
    this.#unsent = this.#unsent.subarray(sent);
  }

  #data(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    if (this.#received.length < 4) return;
    const size = 4 + this.#received.readInt32BE();
    if (this.#received.length < size) return;
    const response = this.#received.subarray(0, size);
    this.#received = this.#received.subarray(size);
    this.#waiting?.resolve(response);
  }
}

/** A request with its header and its size in front. */
export function frameOf<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  version: number,
  request: QI,
): Buffer {
  const header = encode(requestHeader, requestHeaderVersion(api as unknown as AnyApi, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 1,
    clientId: "bench",
  });
  const body = encode(api.request, version, request);
  const frame = Buffer.alloc(4 + header.length + body.length);
  frame.writeInt32BE(header.length + body.length);
  header.copy(frame, 4);
  body.copy(frame, 4 + header.length);
  return frame;
}
