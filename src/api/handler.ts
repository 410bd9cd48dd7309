/**
 * What a handler is: an API of the protocol, and a function from its request to its response.
 *
 * One file per API key holds one handler; `index.ts` lists them. What a handler does before its
 * first `await` is ordered with the other requests of its connection.
 */
import { assert } from "../base/assert.ts";
import { later } from "../base/later.ts";
import type { Broker } from "../broker/broker.ts";
import { decoderOf, encoderOf } from "../protocol/compile.ts";
import { responseHeaderVersion } from "../protocol/messages/header.ts";
import type { Api, ListenerKind } from "../protocol/schema.ts";
import { Writer } from "../protocol/writer.ts";
import type { ConnectionContext, Request, Response } from "./request.ts";

/** What a handler may know of its caller, and tell the server beside the response. */
export class RequestContext {
  /** The connection closes once the response has been sent; the text goes to the log. */
  closeReason: string | null = null;
  /** Called once, when the response's bytes are needed no more. */
  release: (() => void) | null = null;

  constructor(
    readonly request: Request,
    readonly listenerKind: ListenerKind,
  ) {}

  get apiVersion(): number {
    return this.request.apiVersion;
  }

  /** Empty when the client gave none. */
  get clientId(): string {
    return this.request.clientId;
  }

  get connection(): ConnectionContext {
    return this.request.connection;
  }

  get listenerName(): string {
    return this.request.connection.listenerName;
  }
}

/** What dispatch needs of an API; its types are known to its own handler alone. */
export type HandledApi = Pick<
  Api<unknown, never, unknown, never>,
  "key" | "name" | "versions" | "stableVersion" | "flexibleFrom" | "listeners"
>;

export interface Handler {
  readonly api: HandledApi;
  /** Where it answers: of an API that brokers and controllers answer, each may have its own. */
  readonly listeners: readonly ListenerKind[];
  /** See `RequestHandler.mayOverlap`. */
  readonly mayOverlap: boolean;
  respond(context: RequestContext, broker: Broker): Response | null | Promise<Response | null>;
}

/** A handler's response: how long the client is throttled is said by the dispatcher alone. */
export type Body<I> = Omit<I, "throttleTimeMs">;
type Reply<I> = Body<I> | null | Promise<Body<I> | null>;

/**
 * `handle` gives the response, or null where the client expects none. It may be called again while
 * its promise waits only if `mayOverlap` is set.
 */
export function handler<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  handle: (request: Q, context: RequestContext, broker: Broker) => Reply<RI>,
  options: { readonly mayOverlap?: boolean; readonly listeners?: readonly ListenerKind[] } = {},
): Handler {
  return {
    api,
    listeners: options.listeners ?? api.listeners,
    mayOverlap: options.mayOverlap ?? false,
    respond(context, broker) {
      const version = context.apiVersion;
      const request = decoderOf(api.request, version)(context.request.body);
      const reply = handle(request, context, broker);
      if (!(reply instanceof Promise)) return reply && encodeResponse(api, version, reply, context);
      return reply.then((later) => later && encodeResponse(api, version, later, context));
    },
  };
}

/** A handler that is loaded when it is first asked for: the one that its file exports. */
export function late(
  api: HandledApi,
  load: () => object,
  listeners: readonly ListenerKind[] = api.listeners,
): Handler {
  const loaded = later(() => {
    const exported: unknown[] = Object.values(load());
    const found = exported.find((value) => isHandlerOf(api, value));
    assert(found !== undefined && !found.mayOverlap, `the file of ${api.name} has its handler`);
    assert(found.listeners.join() === listeners.join(), `${api.name} answers where the list says`);
    return found;
  });
  return {
    api,
    listeners,
    mayOverlap: false,
    respond: (context, broker) => loaded().respond(context, broker),
  };
}

function isHandlerOf(api: HandledApi, value: unknown): value is Handler {
  return typeof value === "object" && value !== null && "api" in value && value.api === api;
}

export function encodeResponse<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  version: number,
  body: Body<RI>,
  context: RequestContext,
): Response {
  const writer = new Writer();
  encoderOf(api.response, version)(writer, { throttleTimeMs: 0, ...body } as RI);
  return {
    flexibleHeader: responseHeaderVersion(api, version) === 1,
    parts: writer.parts(),
    ...(context.release === null ? {} : { release: context.release }),
    ...(context.closeReason === null ? {} : { closeReason: context.closeReason }),
  };
}
