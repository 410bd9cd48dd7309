/**
 * What a handler is: an API of the protocol, and a function from its request to its response.
 *
 * One file per API key holds one handler; `index.ts` lists them. What a handler does before its
 * first `await` is ordered with the other requests of its connection.
 */
import { assert } from "../base/assert.ts";
import { later } from "../base/later.ts";
import { Slices } from "../base/slices.ts";
import type { Broker } from "../broker/broker.ts";
import { decoderOf, encoderOf, rowCounterOf, stepwiseOf } from "../protocol/compile.ts";
import type { Refusal } from "../metadata/controller/command.ts";
import { responseHeaderVersion } from "../protocol/messages/header.ts";
import type { Api, ListenerKind } from "../protocol/schema.ts";
import { Writer } from "../protocol/writer.ts";
import { Late } from "./request.ts";
import type { ConnectionContext, Outcome, Part, Request, Response } from "./request.ts";
import { RequestTime } from "./request-time.ts";

type ForwardingModule = typeof import("./forwarding.ts");
/** A node starts without it. */
const forwarding = later((): ForwardingModule => require("./forwarding.ts"));

/** Until there are logins. */
const ANONYMOUS = "ANONYMOUS";

/** What a handler may know of its caller, and tell the server beside the response. */
export class RequestContext {
  /** The connection closes once the response has been sent; the text goes to the log. */
  closeReason: string | null = null;
  /** Called once, when the response's bytes are needed no more. */
  release: (() => void) | null = null;
  /** What the client is told, and how long it is not read. */
  throttleMs = 0;
  /** The time that this request has taken, while that is counted. */
  time: RequestTime | null = null;

  constructor(
    readonly request: Request,
    readonly listenerKind: ListenerKind,
  ) {}

  get user(): string {
    return ANONYMOUS;
  }

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

/** Of a client whose broker has passed its request on to this controller. */
export class ForwardedContext extends RequestContext {
  readonly #user: string;

  constructor(request: Request, user: string) {
    super(request, "controller");
    this.#user = user;
  }

  override get user(): string {
    return this.#user;
  }
}

/** What dispatch needs of an API; its types are known to its own handler alone. */
export type HandledApi = Pick<
  Api<unknown, never, unknown, never>,
  "key" | "name" | "versions" | "stableVersion" | "flexibleFrom" | "listeners" | "forwardable"
>;

export interface Handler {
  readonly api: HandledApi;
  /** Where it answers: of an API that brokers and controllers answer, each may have its own. */
  readonly listeners: readonly ListenerKind[];
  /** See `RequestHandler.mayOverlap`. */
  readonly mayOverlap: boolean;
  /** What nodes ask of each other is not counted as the time of a client. */
  readonly isExempt: boolean;
  respond(context: RequestContext, broker: Broker): Outcome | Promise<Response | null>;
}

/** A handler's response: how long the client is throttled is said by `encodeResponse` alone. */
export type Body<I> = Omit<I, "throttleTimeMs">;
type Reply<I> = Body<I> | null | Late<Body<I> | null> | Promise<Body<I> | null>;

interface HandlerOptions<Q, RI> {
  readonly mayOverlap?: boolean;
  readonly isExempt?: boolean;
  readonly listeners?: readonly ListenerKind[];
  /** What is answered where the active controller could not do it, or could not be asked. */
  readonly refused?: (request: Q, refusal: Refusal, context: RequestContext) => Body<RI>;
  /** `handle` itself asks the controller for what it cannot decide here. */
  readonly asksController?: boolean;
}

/**
 * `handle` gives the response, or null where the client expects none. It may be called again while
 * its promise waits only if `mayOverlap` is set.
 */
export function handler<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  handle: (request: Q, context: RequestContext, broker: Broker) => Reply<RI>,
  options: HandlerOptions<Q, RI> = {},
): Handler {
  const isExempt = options.isExempt ?? false;
  const { refused } = options;
  const isAsked = refused !== undefined || options.asksController === true;
  assert(!api.forwardable || isAsked, `the active controller answers ${api.name}`);
  const mayOverlap = options.mayOverlap ?? false;
  const finish = (reply: Body<RI> | null, context: RequestContext, broker: Broker) => {
    if (context.time !== null) throttleForTime(context, broker);
    if (reply !== null) return encodeResponse(api, context.apiVersion, reply, context);
    return context.throttleMs === 0 ? null : { ...SILENCE, throttleMs: context.throttleMs };
  };
  /** What is long lets others have their turns. */
  const finishFairly = (reply: Body<RI> | null, context: RequestContext, broker: Broker) => {
    if (reply === null || !isLong(api, context.apiVersion, reply)) {
      return finish(reply, context, broker);
    }
    if (context.time !== null) throttleForTime(context, broker);
    return encodeInSlices(api, reply, context, broker);
  };
  const answer = (request: Q, context: RequestContext, broker: Broker) => {
    const reply =
      refused === undefined
        ? handle(request, context, broker)
        : forwarding().answerOfController(
            { api, request, context, broker },
            // What can be refused has an answer, and none that is completed later.
            () => handle(request, context, broker) as Body<RI> | Promise<Body<RI>>,
            (refusal) => refused(request, refusal, context),
          );
    if (reply instanceof Late) {
      context.time?.pause();
      return new Late(() => finish(reply.complete(), context, broker), reply.waits);
    }
    if (!(reply instanceof Promise)) {
      return mayOverlap ? finish(reply, context, broker) : finishFairly(reply, context, broker);
    }
    context.time?.pause();
    return reply.then((later) => finishFairly(later, context, broker));
  };
  return {
    api,
    listeners: options.listeners ?? api.listeners,
    mayOverlap,
    isExempt,
    respond(context, broker) {
      if (broker.quotas.request.isActive && !isExempt) {
        context.time = new RequestTime(broker.world.clock);
      }
      const { body } = context.request;
      const stepwise =
        mayOverlap || body.remaining < LONG_REQUEST_SIZE
          ? null
          : stepwiseOf(api.request, context.apiVersion);
      if (stepwise === null) {
        return answer(decoderOf(api.request, context.apiVersion)(body), context, broker);
      }
      // Nothing behind it on its connection has begun.
      const decoded = new Slices(broker.world.clock).finish(stepwise.decode(body));
      return decoded.then(async (request) => {
        restartTime(context, broker);
        const outcome = await answer(request, context, broker);
        return outcome instanceof Late ? outcome.complete() : outcome;
      });
    },
  };
}

/** The turns that others had while it was decoded are not its own. */
function restartTime(context: RequestContext, { world }: Broker): void {
  if (context.time !== null) context.time = new RequestTime(world.clock);
}

/** To decode what is shorter takes less than a slice, or has no rows. */
const LONG_REQUEST_SIZE = 32 * 1024;
/** A row takes up to a microsecond to encode. */
const LONG_ROW_COUNT = 1000;

function isLong<R, RI>(
  { response }: Api<unknown, never, R, RI>,
  version: number,
  body: Body<RI>,
): boolean {
  return rowCounterOf(response, version)(body as RI) >= LONG_ROW_COUNT;
}

/** One shape for all of them: there is one a request. */
class EncodedResponse implements Response {
  constructor(
    readonly flexibleHeader: boolean,
    readonly parts: readonly Part[],
    readonly throttleMs: number,
    readonly release: (() => void) | null,
    readonly closeReason: string | null,
  ) {}
}

const SILENCE: Response = { flexibleHeader: false, parts: [], isSilent: true };

/** A handler that is loaded when it is first asked for: the one among what `load` gives. */
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
    get isExempt() {
      return loaded().isExempt;
    },
    respond: (context, broker) => loaded().respond(context, broker),
  };
}

function isHandlerOf(api: HandledApi, value: unknown): value is Handler {
  return typeof value === "object" && value !== null && "api" in value && value.api === api;
}

/** KIP-124: once for each request, by whoever wants to know it first. */
export function throttleForTime(context: RequestContext, broker: Broker): void {
  if (context.time === null) return;
  const { request } = broker.quotas;
  const throttleMs = request.use(context, context.time.percents(), context.time.nowMs());
  context.throttleMs = Math.max(context.throttleMs, throttleMs);
  context.time = null;
}

export function encodeResponse<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  version: number,
  body: Body<RI>,
  context: RequestContext,
): Response {
  const writer = writerFor(context);
  encoderOf(api.response, version)(writer, wholeBody(body, context));
  return encoded(api, version, writer, context);
}

async function encodeInSlices<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  body: Body<RI>,
  context: RequestContext,
  { world }: Broker,
): Promise<Response> {
  const { apiVersion } = context;
  const writer = writerFor(context);
  const steps = stepwiseOf(api.response, apiVersion)!.encode(writer, wholeBody(body, context));
  await new Slices(world.clock).finish(steps);
  return encoded(api, apiVersion, writer, context);
}

function writerFor({ request }: RequestContext): Writer {
  const writer = new Writer();
  writer.errorCounts = request.errorCounts;
  return writer;
}

/** The body is the handler's own and is encoded once: to complete it is cheaper than a copy. */
function wholeBody<RI>(body: Body<RI>, { throttleMs }: RequestContext): RI {
  const whole = body as Body<RI> & { throttleTimeMs: number };
  whole.throttleTimeMs = throttleMs;
  return whole as RI;
}

function encoded<Q, QI, R, RI>(
  api: Api<Q, QI, R, RI>,
  version: number,
  writer: Writer,
  { throttleMs, release, closeReason }: RequestContext,
): Response {
  return new EncodedResponse(
    responseHeaderVersion(api, version) === 1,
    writer.parts(),
    throttleMs,
    release,
    closeReason,
  );
}
