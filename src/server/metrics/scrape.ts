/**
 * Answers to collectors: GET /metrics, in the format that they prefer.
 *
 * A scrape is made in pieces while it is sent: however much there is to tell, the loop is held for
 * SLICE_MS at a time.
 */
import type { Metrics } from "../../base/metrics.ts";
import { type MetricsFormat, MetricsText } from "../../base/metrics-text.ts";
import { SLICE_MS } from "../../base/slices.ts";
import type { Clock } from "../../base/world.ts";
import { type HttpRequest, qualityOf } from "../http/http-request.ts";
import type { HttpAnswer } from "../http/http-answer.ts";

const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};
const PATH = "/metrics";
const PIECE_SIZE = 32 * 1024;

export function answerScrape(request: HttpRequest, metrics: Metrics, clock: Clock): HttpAnswer {
  const { method, path } = request;
  if (path !== PATH) return plain(404, `There is nothing but ${PATH}.\n`);
  if (method !== "GET" && method !== "HEAD") {
    return plain(405, "Only GET and HEAD.\n", { Allow: "GET, HEAD" });
  }
  const accept = request.headers.get("accept");
  const isOpen =
    qualityOf(accept, "application/openmetrics-text") > qualityOf(accept, "text/plain");
  const format = isOpen ? "openmetrics" : "prometheus";
  const pieces = piecesOf(metrics, format, clock);
  return { status: 200, contentType: CONTENT_TYPES[format], pieces };
}

function* piecesOf(metrics: Metrics, format: MetricsFormat, clock: Clock): Generator<string> {
  const out = new MetricsText(format);
  let startMs = clock.monotonicMs();
  for (const _ of metrics.write(out)) {
    if (out.size < PIECE_SIZE && clock.monotonicMs() - startMs < SLICE_MS) continue;
    yield out.take();
    startMs = clock.monotonicMs();
  }
  out.end();
  yield out.take();
}

function plain(status: number, text: string, headers: Record<string, string> = {}): HttpAnswer {
  return {
    status,
    contentType: "text/plain; charset=utf-8",
    headers,
    pieces: [text].values(),
  };
}
