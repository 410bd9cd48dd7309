/**
 * All that a node tells of itself: for collectors over HTTP, and as a table for a person. Loaded
 * when somebody asks: most nodes never are.
 */
import { HANDLERS } from "../../api/index.ts";
import type { Metrics } from "../../base/metrics.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import type { BrokerNode } from "../../broker/broker-node.ts";
import { brokerFamilies } from "../../broker/metrics/broker-families.ts";
import type { MetricsListener } from "../../broker/settings/own-settings.ts";
import { HttpServer } from "../http/http-server.ts";
import type { Server } from "../server.ts";
import { MetricsTable } from "./metrics-table.ts";
import { processFamilies } from "./process-families.ts";
import { type ApiNames, requestFamilies } from "./request-families.ts";
import { answerScrape } from "./scrape.ts";
import { serverFamilies } from "./server-families.ts";

export interface NodeParts {
  readonly broker: BrokerNode;
  readonly server: Server;
  readonly metrics: Metrics;
  readonly fatal: (error: unknown) => void;
}

export class NodeMetrics {
  readonly #parts: NodeParts;
  readonly #table: MetricsTable;
  #http: HttpServer | null = null;

  constructor(parts: NodeParts) {
    const { broker, server, metrics } = parts;
    const { loopLag } = server;
    const { clock } = broker.world;
    const names = apiNames();
    this.#parts = parts;
    this.#table = new MetricsTable(clock, server, names);
    metrics.addFamilies(processFamilies(broker.world, loopLag));
    metrics.addFamilies(serverFamilies(server));
    metrics.addFamilies(brokerFamilies(broker));
    metrics.addFamilies(requestFamilies(server.requests, names, clock));
  }

  /** Where collectors find it; -1 when nobody does. */
  get port(): number {
    return this.#http?.port ?? -1;
  }

  /** Throws `NetworkError` when the address cannot be had. */
  listen({ host, port }: MetricsListener): void {
    const { broker, metrics, fatal } = this.#parts;
    const { clock, network } = broker.world;
    this.#http = new HttpServer({
      clock,
      network,
      logger: broker.logger.child("metrics"),
      answer: (request) => answerScrape(request, metrics, clock),
      fatal,
    });
    this.#http.start(host, port);
  }

  stop(): void {
    this.#http?.stop();
  }

  table(): string {
    return this.#table.text();
  }
}

function apiNames(): ApiNames {
  const apis = [...HANDLERS.map(({ api }) => api), apiVersions];
  return new Map(apis.map(({ key, name }) => [key, name]));
}
