/** Finds the handler of a request, for the server. */
import type { Broker } from "../broker/broker.ts";
import { apiVersions } from "../protocol/messages/18-api-versions.ts";
import { requestHeaderVersion } from "../protocol/messages/header.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { ListenerKind } from "../protocol/schema.ts";
import {
  apiVersionsHandler,
  unsupportedVersionResponse,
  type AdvertisedApi,
} from "./18-api-versions.ts";
import { RequestContext, type Handler } from "./handler.ts";
import { HANDLERS } from "./index.ts";
import type { Request, RequestHandler, Response } from "./request.ts";

const UNKNOWN_API = -1;

/** All APIs of one kind of listener. */
export class Dispatcher implements RequestHandler {
  readonly #handlers = new Map<number, Handler>();
  readonly #advertised: readonly AdvertisedApi[];

  constructor(
    readonly broker: Broker,
    readonly listenerKind: ListenerKind,
  ) {
    for (const handler of [...HANDLERS, apiVersionsHandler(() => this.#advertised)]) {
      if (handler.listeners.includes(listenerKind)) {
        this.#handlers.set(handler.api.key, handler);
      }
    }
    this.#advertised = [...this.#handlers.values()]
      .map(({ api }) => ({
        key: api.key,
        versions: [api.versions[0], api.stableVersion] as const,
      }))
      .sort((a, b) => a.key - b.key);
  }

  requestHeaderVersion(apiKey: number, apiVersion: number): number {
    const handler = this.#handlers.get(apiKey);
    if (handler === undefined) return UNKNOWN_API;
    const isKnown = isWithin(handler, apiVersion) || apiKey === apiVersions.key;
    return isKnown ? requestHeaderVersion(handler.api, apiVersion) : UNKNOWN_API;
  }

  mayOverlap(apiKey: number): boolean {
    return this.#handlers.get(apiKey)?.mayOverlap ?? false;
  }

  handle(request: Request): Response | null | Promise<Response | null> {
    const handler = this.#handlers.get(request.apiKey);
    if (handler === undefined) throw new ProtocolError(`unknown API ${request.apiKey}`);
    const context = new RequestContext(request, this.listenerKind);
    if (!isWithin(handler, request.apiVersion)) {
      return unsupportedVersionResponse(context, this.#advertised);
    }
    return handler.respond(context, this.broker);
  }
}

function isWithin(handler: Handler, version: number): boolean {
  return version >= handler.api.versions[0] && version <= handler.api.stableVersion;
}
