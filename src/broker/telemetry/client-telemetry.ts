/**
 * Metrics of clients (KIP-714): each client instance is told what to push and how often, and what
 * it pushes goes to a collector.
 *
 *     get   -> instance -> subscription id, metrics, interval
 *     push  -> in time? right subscription? -> unpacked, within bounds -> exporter
 *
 * Instances are remembered until they have been silent for three intervals, or their connection
 * closes; of too many, those that were silent longest are forgotten.
 */
import { crc32c } from "../../base/crc32c.ts";
import { type Signal, waitUntil } from "../../base/signal.ts";
import { METADATA_TOPIC_ID, ZERO_UUID, randomUuid, uuidToBytes } from "../../base/uuid.ts";
import type { Clock, Random } from "../../base/world.ts";
import { CompressionType, decompress, isCompressionType } from "../../protocol/compression.ts";
import { ConfigResourceType } from "../../metadata/configs-image.ts";
import type { MetadataDelta } from "../../metadata/delta.ts";
import type { MetadataImage } from "../../metadata/image.ts";
import { ErrorCode } from "../../protocol/error-code.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { type ClientAttributes, type Subscriptions, type Wanted } from "./subscriptions.ts";
import { withAttributes } from "./otlp-message.ts";

/** Who asks; what is not known of it is left out. */
export interface TelemetryClient {
  readonly clientId: string;
  readonly softwareName: string;
  readonly softwareVersion: string;
  readonly address: string;
  readonly port: number;
  readonly connection: TelemetryConnection;
}

export interface TelemetryConnection {
  readonly id: number;
  readonly isClosing: boolean;
  readonly closing: Signal;
}

export interface TelemetrySubscription {
  readonly clientInstanceId: string;
  readonly subscriptionId: number;
  readonly acceptedCompressionTypes: number[];
  readonly pushIntervalMs: number;
  readonly telemetryMaxBytes: number;
  readonly deltaTemporality: boolean;
  readonly requestedMetrics: string[];
}

export interface Push {
  readonly clientInstanceId: string;
  readonly subscriptionId: number;
  readonly terminating: boolean;
  readonly compressionType: number;
  readonly metrics: Buffer;
}

export interface ClientTelemetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly subscriptions: Subscriptions;
  /** telemetry.max.bytes: of a push, and of what it unpacks to. */
  readonly sizeMax: () => number;
  /** Takes a whole OTLP message. */
  readonly send: (message: Buffer) => void;
}

const INSTANCES_MAX = 16_384;
const EXPIRY_MS_MIN = 60_000;
const EXPIRY_INTERVALS = 3;
const { ZSTD, LZ4, GZIP, SNAPPY } = CompressionType;
/** Best first. */
const COMPRESSION_TYPES = [ZSTD, LZ4, GZIP, SNAPPY];
const DONE = ErrorCode.NONE;

interface Instance extends Wanted {
  readonly id: string;
  readonly attributes: ClientAttributes;
  readonly subscriptionId: number;
  readonly version: number;
  lastGetMs: number;
  lastPushMs: number;
  isTerminating: boolean;
  lastError: ErrorCode;
  expiresMs: number;
}

export class ClientTelemetry {
  readonly subscriptions: Subscriptions;
  readonly #options: ClientTelemetryOptions;
  /** Those that were heard of longest ago come first. */
  readonly #instances = new Map<string, Instance>();
  /** By connection: the instance that was last heard of on it. */
  readonly #connections = new Map<number, string>();

  constructor(options: ClientTelemetryOptions) {
    this.#options = options;
    this.subscriptions = options.subscriptions;
  }

  /** What the records of one commit changed. */
  apply(delta: MetadataDelta, image: MetadataImage): void {
    const { CLIENT_METRICS } = ConfigResourceType;
    const changed = [...delta.changedConfigs()].some(
      ({ resource }) => resource.type === CLIENT_METRICS,
    );
    if (changed) this.subscriptions.read(image);
  }

  get instanceCount(): number {
    return this.#instances.size;
  }

  /** A client without an id gets one. */
  subscription(askedId: string, client: TelemetryClient): TelemetrySubscription | ErrorCode {
    const nowMs = this.#options.clock.monotonicMs();
    const id = askedId === ZERO_UUID ? this.#newId() : askedId;
    const instance = this.#instance(id, client, nowMs);
    const isInTime =
      nowMs - Math.max(instance.lastGetMs, instance.lastPushMs) >= instance.pushIntervalMs;
    if (isInTime) instance.lastGetMs = nowMs;
    else if (!MAY_ASK_AGAIN.has(instance.lastError)) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    instance.lastError = DONE;
    return {
      clientInstanceId: id,
      subscriptionId: instance.subscriptionId,
      acceptedCompressionTypes: COMPRESSION_TYPES,
      pushIntervalMs: instance.pushIntervalMs,
      telemetryMaxBytes: this.#options.sizeMax(),
      deltaTemporality: true,
      requestedMetrics: [...instance.metrics],
    };
  }

  push(push: Push, client: TelemetryClient): ErrorCode {
    if (isReserved(push.clientInstanceId)) return ErrorCode.INVALID_REQUEST;
    const nowMs = this.#options.clock.monotonicMs();
    const instance = this.#instance(push.clientInstanceId, client, nowMs);
    const refused = this.#reasonAgainst(push, instance, nowMs);
    instance.isTerminating = push.terminating;
    instance.lastError = refused ?? this.#export(push, instance);
    return instance.lastError;
  }

  #reasonAgainst(push: Push, instance: Instance, nowMs: number): ErrorCode | null {
    if (instance.isTerminating) return ErrorCode.INVALID_REQUEST;
    // The first push after a get may come early: clients spread them.
    const isFirst = instance.lastGetMs > instance.lastPushMs;
    const isInTime = isFirst || nowMs - instance.lastPushMs >= instance.pushIntervalMs;
    if (isInTime) instance.lastPushMs = nowMs;
    else if (!push.terminating) return ErrorCode.THROTTLING_QUOTA_EXCEEDED;
    if (push.subscriptionId !== instance.subscriptionId) return ErrorCode.UNKNOWN_SUBSCRIPTION_ID;
    if (!isCompressionType(push.compressionType)) return ErrorCode.UNSUPPORTED_COMPRESSION_TYPE;
    const isTooLarge = push.metrics.length > this.#options.sizeMax();
    return isTooLarge ? ErrorCode.TELEMETRY_TOO_LARGE : null;
  }

  /** Never unpacks more than a push may hold: a few bytes can stand for gigabytes. */
  #export({ metrics, compressionType }: Push, { attributes }: Instance): ErrorCode {
    if (metrics.length === 0 || !isCompressionType(compressionType)) return DONE;
    try {
      const message = decompress(compressionType, metrics, this.#options.sizeMax());
      this.#options.send(withAttributes(message, attributes));
      return DONE;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return ErrorCode.INVALID_RECORD;
    }
  }

  #instance(id: string, client: TelemetryClient, nowMs: number): Instance {
    const known = this.#instances.get(id);
    const isAlive = known !== undefined && known.expiresMs > nowMs;
    const isNewest = isAlive && known.version === this.subscriptions.version;
    const attributes = isAlive ? known.attributes : attributesOf(id, client);
    const instance = isNewest ? known : this.#newInstance(id, attributes);
    const keepMs = Math.max(EXPIRY_MS_MIN, EXPIRY_INTERVALS * instance.pushIntervalMs);
    instance.expiresMs = nowMs + keepMs;
    if (isNewest) return instance;
    this.#instances.delete(id);
    this.#instances.set(id, instance);
    this.#remember(client.connection, id);
    if (this.#instances.size > INSTANCES_MAX) this.#forgetOne();
    return instance;
  }

  #newInstance(id: string, attributes: ClientAttributes): Instance {
    const wanted = this.subscriptions.wantedOf(attributes);
    return {
      id,
      attributes,
      ...wanted,
      subscriptionId: subscriptionIdOf(wanted, id),
      version: this.subscriptions.version,
      lastGetMs: Number.NEGATIVE_INFINITY,
      lastPushMs: Number.NEGATIVE_INFINITY,
      isTerminating: false,
      lastError: DONE,
      expiresMs: 0,
    };
  }

  /** Whoever spoke on a connection has gone when it closes. */
  #remember(connection: TelemetryConnection, id: string): void {
    const isKnown = this.#connections.has(connection.id);
    this.#connections.set(connection.id, id);
    if (isKnown) return;
    const { clock } = this.#options;
    const isClosed = () => connection.isClosing;
    void waitUntil(clock, [connection.closing], Number.POSITIVE_INFINITY, isClosed).then(() => {
      const gone = this.#connections.get(connection.id);
      this.#connections.delete(connection.id);
      if (gone !== undefined) this.#instances.delete(gone);
    });
  }

  #forgetOne(): void {
    const [oldest] = this.#instances.values();
    if (oldest === undefined) return;
    this.#instances.delete(oldest.id);
  }

  #newId(): string {
    let id: string;
    do id = randomUuid(this.#options.random);
    while (this.#instances.has(id));
    return id;
  }
}

/** Errors after which a client has to ask what is wanted of it, whenever it last did. */
const MAY_ASK_AGAIN: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.UNKNOWN_SUBSCRIPTION_ID,
  ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
]);

function attributesOf(id: string, client: TelemetryClient): ClientAttributes {
  const attributes: [string, string][] = [
    ["client_instance_id", id],
    ["client_id", client.clientId],
    ["client_software_name", client.softwareName],
    ["client_software_version", client.softwareVersion],
    ["client_source_address", client.address],
    ["client_source_port", String(client.port)],
  ];
  return new Map(attributes);
}

/** Differs where the client or what is wanted of it differs; the same on every node. */
function subscriptionIdOf({ metrics, pushIntervalMs }: Wanted, id: string): number {
  const text = Buffer.from(`[${metrics.join(", ")}]${pushIntervalMs}`);
  const uuid = uuidToBytes(id);
  const hash =
    uuid.readInt32BE(0) ^ uuid.readInt32BE(4) ^ uuid.readInt32BE(8) ^ uuid.readInt32BE(12);
  return (crc32c(text, 0, text.length) ^ hash) | 0;
}

/** Ids that Kafka has for itself. */
function isReserved(id: string): boolean {
  return id === ZERO_UUID || id === METADATA_TOPIC_ID;
}
