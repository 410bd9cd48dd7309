/**
 * Envelope: v0 (KIP-590).
 *
 * - A broker passes a client's request on: the controller answers it as if the client had asked it.
 * - NOT_CONTROLLER where the answer would say so: the broker looks for the active controller.
 * - UNSUPPORTED_VERSION where the request in it cannot be read: the client has to ask anew.
 */
import { addressFrom } from "../base/ip-address.ts";
import type { Signal } from "../base/signal.ts";
import type { Broker } from "../broker/broker.ts";
import { userIn } from "../broker/envelope.ts";
import { decoderOf, encode } from "../protocol/compile.ts";
import { ErrorCode } from "../protocol/error-code.ts";
import { describeQuorum } from "../protocol/messages/55-describe-quorum.ts";
import { envelope } from "../protocol/messages/58-envelope.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeader,
} from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { Reader } from "../protocol/reader.ts";
import { bytesOf } from "./forwarding.ts";
import { ForwardedContext, type Handler, type RequestContext, handler } from "./handler.ts";
import { type ConnectionContext, Late, type Request, type Response } from "./request.ts";

type HandlerOf = (apiKey: number) => Handler | undefined;

/** `handlerOf` finds those of the controller listener, and others that are never forwarded. */
export function envelopeHandler(handlerOf: HandlerOf): Handler {
  return handler(
    envelope,
    async ({ requestData, requestPrincipal, clientHostAddress }, context, broker) => {
      const user = userIn(requestPrincipal);
      if (user === null) return failed(ErrorCode.PRINCIPAL_DESERIALIZATION_FAILURE);
      const remoteAddress = addressFrom(clientHostAddress);
      if (remoteAddress === null) return failed(ErrorCode.INVALID_REQUEST);
      const opened = open(requestData, handlerOf);
      if (opened === null) return failed(ErrorCode.UNSUPPORTED_VERSION);
      if (!opened.handler.api.forwardable) return failed(ErrorCode.INVALID_REQUEST);
      const inner = new ForwardedContext(requestOf(opened, context, remoteAddress), user);
      const response = await answer(opened.handler, inner, broker);
      if (response === null) return failed(ErrorCode.UNSUPPORTED_VERSION);
      if (isMisdirected(opened.handler, inner.request)) return failed(ErrorCode.NOT_CONTROLLER);
      return { errorCode: ErrorCode.NONE, responseData: framed(response, inner.request) };
    },
    { isExempt: true },
  );
}

function failed(errorCode: ErrorCode) {
  return { errorCode, responseData: null };
}

interface Opened {
  readonly handler: Handler;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
  /** Stands behind the header. */
  readonly body: Reader;
  readonly size: number;
}

function open(requestData: Buffer, handlerOf: HandlerOf): Opened | null {
  if (requestData.length < HEADER_SIZE_MIN) return null;
  const apiVersion = requestData.readInt16BE(2);
  const found = handlerOf(requestData.readInt16BE(0));
  if (found === undefined) return null;
  const [lowest, highest] = found.api.versions;
  if (apiVersion < lowest || apiVersion > highest) return null;
  try {
    const body = new Reader(requestData);
    const header = decoderOf(requestHeader, requestHeaderVersion(found.api, apiVersion))(body);
    const { correlationId, clientId } = header;
    const size = requestData.length;
    return { handler: found, apiVersion, correlationId, clientId: clientId ?? "", body, size };
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

/** Key, version and correlation id. */
const HEADER_SIZE_MIN = 8;

function requestOf(opened: Opened, context: RequestContext, remoteAddress: string): Request {
  const { request } = context;
  return {
    apiKey: opened.handler.api.key,
    apiVersion: opened.apiVersion,
    correlationId: opened.correlationId,
    clientId: opened.clientId,
    body: opened.body,
    connection: new ForwardedConnection(request.connection, remoteAddress),
    isFollowed: request.isFollowed,
    size: opened.size,
    receivedMs: request.receivedMs,
    holdsBack: false,
    // Its own, to see what the answer says.
    errorCounts: new Float64Array(request.errorCounts.length),
    variant: 0,
  };
}

/** The client is on another node: of its connection only the address is known. */
class ForwardedConnection implements ConnectionContext {
  readonly clientSoftwareName = "";
  readonly clientSoftwareVersion = "";
  readonly #broker: ConnectionContext;

  constructor(
    broker: ConnectionContext,
    readonly remoteAddress: string,
  ) {
    this.#broker = broker;
  }

  get id(): number {
    return this.#broker.id;
  }

  get listenerName(): string {
    return this.#broker.listenerName;
  }

  get remotePort(): number {
    return this.#broker.remotePort;
  }

  get isClosing(): boolean {
    return this.#broker.isClosing;
  }

  get closing(): Signal {
    return this.#broker.closing;
  }
}

/** Null when the request cannot be read. */
async function answer(
  found: Handler,
  context: RequestContext,
  broker: Broker,
): Promise<Response | null> {
  try {
    const outcome = await found.respond(context, broker);
    return outcome instanceof Late ? outcome.complete() : outcome;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function isMisdirected({ api }: Handler, { errorCounts }: Request): boolean {
  const isQuorum = api.key === describeQuorum.key;
  const code = isQuorum ? ErrorCode.NOT_LEADER_OR_FOLLOWER : ErrorCode.NOT_CONTROLLER;
  return (errorCounts[code + 1] ?? 0) > 0;
}

function framed(response: Response, { correlationId }: Request): Buffer {
  const header = encode(responseHeader, response.flexibleHeader ? 1 : 0, { correlationId });
  return Buffer.concat([header, bytesOf(response)]);
}
