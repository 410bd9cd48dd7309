/**
 * Requests that nodes ask of each other, as somebody sends them who is no node: values from chance,
 * values that are near to what is true, and either of them spoilt.
 */
import { HANDLERS } from "../../src/api/index.ts";
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { encode } from "../../src/protocol/compile.ts";
import { requestHeader, requestHeaderVersion } from "../../src/protocol/messages/header.ts";
import { apis } from "../../src/protocol/messages/index.ts";
import type { AnyApi, ListenerKind } from "../../src/protocol/schema.ts";
import { type Primitives, randomValue } from "../protocol/random-value.ts";
import type { Chance } from "./chance.ts";

/** What is true of the cluster under test. */
export interface PeerFacts {
  readonly clusterId: string;
  readonly nodeIds: readonly number[];
  /** Epochs and offsets that are somebody's. */
  readonly numbers: readonly number[];
  /** Of topics and directories. */
  readonly ids: readonly string[];
  readonly names: readonly string[];
}

export interface PeerRequest {
  readonly api: AnyApi;
  readonly version: number;
  readonly listener: ListenerKind;
  readonly value: unknown;
  readonly isSpoilt: boolean;
  readonly body: Buffer;
  /** Header and body. */
  readonly frame: Buffer;
}

/**
 * Fetch, ApiVersions, markers and transactions between brokers, the quorum, the life of brokers and
 * controllers, partitions, directories, producer ids, Envelope, and the states of share groups.
 */
export const PEER_KEYS: readonly number[] = [
  1, 2, 18, 23, 24, 27, 52, 53, 54, 55, 56, 57, 58, 59, 62, 63, 64, 67, 70, 73, 80, 81, 82, 83, 84,
  85, 86, 87,
];

/** Without `facts` nothing in it is true, but by chance. */
export function peerRequest(
  chance: Chance,
  facts: PeerFacts | null,
  keys: readonly number[] = PEER_KEYS,
): PeerRequest {
  const handled = chance.pick(HANDLERS.filter(({ api }) => keys.includes(api.key)));
  const api = apis.find(({ key }) => key === handled.api.key)! as AnyApi;
  const version = api.versions[0] + chance.below(api.versions[1] - api.versions[0] + 1);
  const primitives = facts === null ? undefined : primitivesOf(facts);
  const value = randomValue(api.request, version, chance, primitives);
  if (facts !== null) tellTruth(value, facts, chance);
  if (api.key === FETCH || api.key === FETCH_SNAPSHOT) setWait(value);
  const body = Buffer.from(encode(api.request, version, value as never));
  const isSpoilt = body.length > 0 && chance.oneIn(3);
  if (isSpoilt) spoil(body, chance);
  const header = encode(requestHeader, requestHeaderVersion(api, version), {
    requestApiKey: api.key,
    requestApiVersion: version,
    correlationId: 1,
    clientId: "peer",
  });
  const frame = Buffer.concat([header, body]);
  return { api, version, listener: chance.pick(handled.listeners), value, isSpoilt, body, frame };
}

const [FETCH, FETCH_SNAPSHOT] = [1, 59];
const METADATA_TOPIC = "__cluster_metadata";
const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

function primitivesOf({ clusterId, nodeIds, numbers, ids, names }: PeerFacts): Primitives {
  const near = numbers.flatMap((number) => [number - 1, number, number + 1]);
  const integers = [-2, -1, 0, 0, 1, ...nodeIds, ...near];
  const edges = [2 ** 31 - 1, -(2 ** 31)];
  const texts = [
    clusterId,
    METADATA_TOPIC,
    METADATA_TOPIC,
    ...names,
    "",
    "PLAINTEXT",
    "CONTROLLER",
  ];
  return {
    boolean: (chance) => chance.oneIn(2),
    int8: (chance) => chance.pick([-1, 0, 1, 2, 3, 127, -128]),
    int16: (chance) => chance.pick([-1, 0, 1, 2, 30, 32_767, -32_768]),
    uint16: (chance) => chance.pick([0, 1, 9092, 9093, 65_535]),
    int32: (chance) => (chance.oneIn(20) ? chance.pick(edges) : chance.pick(integers)),
    uint32: (chance) => chance.pick([0, 1, 2 ** 32 - 1]),
    int64: (chance) =>
      chance.oneIn(20) ? chance.pick([2 ** 53 - 1, 2 ** 63, -(2 ** 63)]) : chance.pick(integers),
    int64Big: (chance) => chance.pick([0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]),
    float64: (chance) => chance.pick([0, 1, Number.NaN]),
    uuid: (chance) => chance.pick([ZERO_UUID, METADATA_TOPIC_ID, ...ids]),
    string: (chance) => chance.pick(texts),
    bytes: (chance) => chance.bytes(chance.pick([0, 1, 4, 16, 200])),
    records: (chance) => chance.bytes(chance.pick([0, 61, 100])),
  };
}

/** The first checks would keep most of it from the others. */
function tellTruth(value: unknown, { clusterId }: PeerFacts, chance: Chance): void {
  if (Array.isArray(value))
    for (const each of value) tellTruth(each, { clusterId } as PeerFacts, chance);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  const fields = value as Record<string, unknown>;
  for (const [name, field] of Object.entries(fields)) {
    if (name === "clusterId" && !chance.oneIn(6)) fields[name] = clusterId;
    else if (name === "partitionIndex" && !chance.oneIn(4)) fields[name] = 0;
    else tellTruth(field, { clusterId } as PeerFacts, chance);
  }
}

/** A random wait is a random wait. */
function setWait(value: unknown): void {
  const fields = value as Record<string, unknown>;
  if ("maxWaitMs" in fields) fields["maxWaitMs"] = 0;
}

function spoil(body: Buffer, chance: Chance): void {
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const at = chance.below(body.length);
    const size = Math.min(body.length - at, chance.pick([1, 2, 4]));
    body.fill(chance.pick([0, 1, 0x7f, 0x80, 0xff, chance.below(256)]), at, at + size);
  }
}
