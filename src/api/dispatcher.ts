/** Finds the handler of a request, for the server. */
import type { Broker } from "../broker/broker.ts";
import { apiVersions } from "../protocol/messages/18-api-versions.ts";
import { envelope } from "../protocol/messages/58-envelope.ts";
import { requestHeaderVersion } from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { ListenerKind } from "../protocol/schema.ts";
import {
  apiVersionsHandler,
  unsupportedVersionResponse,
  type AdvertisedApi,
} from "./18-api-versions.ts";
import { late, RequestContext, type HandledApi, type Handler } from "./handler.ts";
import { CONDITIONS, HANDLERS } from "./index.ts";
import { PERCENTS_PER_MS } from "./request-time.ts";
import { Late, type Outcome } from "./request.ts";
import type { Request, RequestHandler, Response } from "./request.ts";

const UNKNOWN_API = -1;

function isFor(apiKey: number): (handler: Handler) => boolean {
  return ({ api }) => api.key === apiKey;
}

type EnvelopeModule = typeof import("./58-envelope.ts");

function lateEnvelope(handlerOf: (apiKey: number) => Handler | undefined): Handler {
  return late(envelope, () => {
    const { envelopeHandler }: EnvelopeModule = require("./58-envelope.ts");
    return { envelopeHandler: envelopeHandler(handlerOf) };
  });
}

/** All APIs of one kind of listener. Requests wait until the broker has started. */
export class Dispatcher implements RequestHandler {
  readonly #listenerKind: ListenerKind;
  /** By API key: looked up three times for each request. */
  readonly #handlers: (Handler | undefined)[] = [];
  #advertised: readonly AdvertisedApi[];
  readonly #opened = Promise.withResolvers<Broker>();
  #broker: Broker | null = null;
  /** unstable.api.versions.enable */
  #offersUnstable = false;

  constructor(listenerKind: ListenerKind) {
    this.#listenerKind = listenerKind;
    const own = [
      apiVersionsHandler(() => this.#advertised),
      lateEnvelope((apiKey) => this.#handlers[apiKey] ?? HANDLERS.find(isFor(apiKey))),
    ];
    for (const handler of [...HANDLERS, ...own]) {
      if (handler.listeners.includes(listenerKind)) {
        this.#handlers[handler.api.key] = handler;
      }
    }
    this.#advertised = this.#known();
  }

  /** The broker has started: from here on requests are answered. */
  open(broker: Broker): void {
    this.#broker = broker;
    this.#offersUnstable = broker.settings.get("unstable.api.versions.enable");
    for (const [key, isOffered] of CONDITIONS) {
      if (!isOffered(broker)) this.#handlers[key] = undefined;
    }
    this.#advertised = this.#known();
    this.#opened.resolve(broker);
  }

  requestHeaderVersion(apiKey: number, apiVersion: number): number {
    const handler = this.#handlers[apiKey];
    if (handler === undefined) return UNKNOWN_API;
    const isKnown = this.#isWithin(handler, apiVersion) || apiKey === apiVersions.key;
    return isKnown ? requestHeaderVersion(handler.api, apiVersion) : UNKNOWN_API;
  }

  mayOverlap(apiKey: number): boolean {
    return this.#handlers[apiKey]?.mayOverlap ?? false;
  }

  handle(request: Request): Outcome | Promise<Response | null> {
    const handler = this.#handlers[request.apiKey];
    if (handler === undefined) throw new ProtocolError(`unknown API ${request.apiKey}`);
    const context = new RequestContext(request, this.#listenerKind);
    if (!this.#isWithin(handler, request.apiVersion)) {
      return unsupportedVersionResponse(context, this.#advertised);
    }
    if (this.#broker !== null) return handler.respond(context, this.#broker);
    return this.#opened.promise.then((broker) => {
      const outcome = handler.respond(context, broker);
      return outcome instanceof Late ? outcome.complete() : outcome;
    });
  }

  #known(): AdvertisedApi[] {
    return this.#handlers
      .flatMap((handler) => handler ?? [])
      .map(({ api }) => ({
        key: api.key,
        versions: [api.versions[0], this.#highest(api)] as const,
      }))
      .sort((a, b) => a.key - b.key);
  }

  #isWithin({ api }: Handler, version: number): boolean {
    return version >= api.versions[0] && version <= this.#highest(api);
  }

  #highest(api: HandledApi): number {
    return this.#offersUnstable ? api.versions[1] : api.stableVersion;
  }

  get countsTime(): boolean {
    return this.#broker?.quotas.request.isActive ?? false;
  }

  /** KIP-124: without a delay of its own; the next request is told. */
  sent(request: Request, durationMs: number): void {
    const broker = this.#broker;
    if (broker === null || (this.#handlers[request.apiKey]?.isExempt ?? true)) return;
    const who = new RequestContext(request, this.#listenerKind);
    const nowMs = broker.world.clock.monotonicMs();
    broker.quotas.request.record(who, durationMs * PERCENTS_PER_MS, nowMs);
  }
}
