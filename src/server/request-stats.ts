/**
 * What requests cost their clients, always counted: for each listener and API the times of their
 * stages, their sizes, their versions and the error codes of their answers.
 *
 *   received -> started -> handled -> ready -> handed -> sent
 *          queue      local     remote    response   send
 *                                         queue
 *
 * - Nothing is made for a request; what most requests do not have (a wait, a throttle) is recorded
 *   where they do, and the zeros are added when somebody looks (`settle`).
 * - Times are whole microseconds.
 */
import { Histogram } from "../base/histogram.ts";
import { RequestSamples, ROW, type RowTaker } from "./request-samples.ts";

/** More than Kafka has; what is beyond is counted as the last one. */
export const VERSIONS_MAX = 32;
/** From -1 on. */
const ERROR_CODES_MAX = 192;

/** What is recorded of each request. */
const MEASURES = [
  "queueUs",
  "localUs",
  "remoteUs",
  "throttleUs",
  "responseQueueUs",
  "sendUs",
  "totalUs",
  "requestBytes",
  "responseBytes",
  "conversionUs",
  "temporaryBytes",
] as const;

export type Measure = (typeof MEASURES)[number];

/** One that is answered: see exchange.ts. */
export interface TimedRequest {
  readonly apiVersion: number;
  readonly variant: number;
  readonly bodySize: number;
  readonly responseSize: number;
  readonly receivedMs: number;
  readonly startedMs: number;
  readonly handledMs: number;
  readonly readyMs: number;
  readonly handedMs: number;
}

export class KindStats implements RowTaker {
  #count = 0;
  readonly versionCounts = new Float64Array(VERSIONS_MAX);
  readonly #samples: RequestSamples;
  readonly #queueUs = new Histogram();
  readonly #localUs = new Histogram();
  readonly #remoteUs = new Histogram();
  readonly #throttleUs = new Histogram();
  readonly #responseQueueUs = new Histogram();
  readonly #sendUs = new Histogram();
  readonly #totalUs = new Histogram();
  readonly #requestBytes = new Histogram();
  readonly #responseBytes = new Histogram();
  readonly #conversionUs = new Histogram();
  readonly #temporaryBytes = new Histogram();

  constructor(samples: RequestSamples) {
    this.#samples = samples;
  }

  /** Itself, where there is one. */
  static sum(kinds: readonly KindStats[]): KindStats {
    if (kinds.length === 1) return kinds[0]!;
    const sum = new KindStats(new RequestSamples());
    for (const kind of kinds) sum.#add(kind);
    return sum;
  }

  get count(): number {
    return this.#count;
  }

  /** All but the sending of its answer lies behind the request. */
  sent(request: TimedRequest, sentMs: number): void {
    const { receivedMs, startedMs, handledMs, readyMs, handedMs, apiVersion } = request;
    this.#count++;
    this.versionCounts[apiVersion >= 0 && apiVersion < VERSIONS_MAX ? apiVersion : LAST]!++;
    const at = this.#samples.add(this);
    const { rows } = this.#samples;
    rows[at + ROW.queue] = startedMs - receivedMs;
    rows[at + ROW.local] = handledMs - startedMs;
    rows[at + ROW.remote] = readyMs - handledMs;
    rows[at + ROW.responseQueue] = handedMs - readyMs;
    rows[at + ROW.send] = sentMs - handedMs;
    rows[at + ROW.total] = sentMs - receivedMs;
    rows[at + ROW.requestBytes] = request.bodySize;
    rows[at + ROW.responseBytes] = request.responseSize;
  }

  /** A row that `sent` has written. */
  take(rows: Float64Array, at: number): void {
    const queueMs = rows[at + ROW.queue]!;
    const remoteMs = rows[at + ROW.remote]!;
    const responseQueueMs = rows[at + ROW.responseQueue]!;
    if (queueMs > 0) this.#queueUs.record(queueMs * US_PER_MS);
    if (remoteMs > 0) this.#remoteUs.record(remoteMs * US_PER_MS);
    if (responseQueueMs > 0) this.#responseQueueUs.record(responseQueueMs * US_PER_MS);
    this.#localUs.record(rows[at + ROW.local]! * US_PER_MS);
    this.#sendUs.record(rows[at + ROW.send]! * US_PER_MS);
    this.#totalUs.record(rows[at + ROW.total]! * US_PER_MS);
    this.#requestBytes.record(rows[at + ROW.requestBytes]!);
    this.#responseBytes.record(rows[at + ROW.responseBytes]!);
  }

  throttled(throttleMs: number): void {
    this.#throttleUs.record(throttleMs * US_PER_MS);
  }

  /** Of a request whose records were compressed, or had to be: once. */
  converted(tookMs: number, temporaryBytes: number): void {
    if (tookMs > 0) this.#conversionUs.record(tookMs * US_PER_MS);
    this.#temporaryBytes.record(temporaryBytes);
  }

  /** All values so far, with the zeros. */
  histogram(measure: Measure): Histogram {
    this.#samples.drain();
    const histogram = this.#histogramOf(measure);
    histogram.padTo(this.#count);
    return histogram;
  }

  #add(other: KindStats): void {
    for (const measure of MEASURES) this.#histogramOf(measure).add(other.histogram(measure));
    this.#count += other.#count;
    for (let version = 0; version < VERSIONS_MAX; version++) {
      this.versionCounts[version]! += other.versionCounts[version]!;
    }
  }

  #histogramOf(measure: Measure): Histogram {
    switch (measure) {
      case "queueUs":
        return this.#queueUs;
      case "localUs":
        return this.#localUs;
      case "remoteUs":
        return this.#remoteUs;
      case "throttleUs":
        return this.#throttleUs;
      case "responseQueueUs":
        return this.#responseQueueUs;
      case "sendUs":
        return this.#sendUs;
      case "totalUs":
        return this.#totalUs;
      case "requestBytes":
        return this.#requestBytes;
      case "responseBytes":
        return this.#responseBytes;
      case "conversionUs":
        return this.#conversionUs;
      case "temporaryBytes":
        return this.#temporaryBytes;
    }
  }
}

/** One API on one listener. */
export class ApiStats {
  /** By `Request.variant`. */
  readonly kinds: (KindStats | undefined)[] = [];
  /** By error code, from -1 on; the writer of answers counts. */
  readonly errorCounts = new Float64Array(ERROR_CODES_MAX);
  readonly #samples: RequestSamples;

  constructor(
    readonly apiKey: number,
    samples = new RequestSamples(),
  ) {
    this.#samples = samples;
  }

  kind(variant: number): KindStats {
    return (this.kinds[variant] ??= new KindStats(this.#samples));
  }

  sent(request: TimedRequest, sentMs: number): void {
    this.kind(request.variant).sent(request, sentMs);
  }
}

export class ListenerStats {
  readonly #samples: RequestSamples;
  readonly #byKey: (ApiStats | undefined)[] = [];

  constructor(
    readonly name: string,
    samples: RequestSamples,
  ) {
    this.#samples = samples;
  }

  /** Only of APIs that are known: they are few. */
  of(apiKey: number): ApiStats {
    return (this.#byKey[apiKey] ??= new ApiStats(apiKey, this.#samples));
  }

  /** Those that have been used. */
  *[Symbol.iterator](): IterableIterator<ApiStats> {
    for (const stats of this.#byKey) if (stats !== undefined) yield stats;
  }
}

export class RequestStats {
  readonly #samples = new RequestSamples();
  readonly #listeners = new Map<string, ListenerStats>();

  listener(name: string): ListenerStats {
    const known = this.#listeners.get(name);
    if (known !== undefined) return known;
    const made = new ListenerStats(name, this.#samples);
    this.#listeners.set(name, made);
    return made;
  }

  *[Symbol.iterator](): IterableIterator<ListenerStats> {
    yield* this.#listeners.values();
  }
}

const US_PER_MS = 1000;
const LAST = VERSIONS_MAX - 1;
