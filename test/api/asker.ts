/**
 * Asks a broker with raw requests and remembers what it answered, in a form that two brokers can
 * be compared by: a scenario is run against Apache Kafka once and against Bunka in every test.
 */
import { ZERO_UUID } from "../../src/base/uuid.ts";
import { decode, encode } from "../../src/protocol/compile.ts";
import {
  requestHeader,
  requestHeaderVersion,
  responseHeaderVersion,
} from "../../src/protocol/messages/header.ts";
import type { Api } from "../../src/protocol/schema.ts";

/** One connection to a broker: whole frames without their size; null when none came back. */
export interface Connection {
  exchange(frame: Buffer): Promise<Buffer | null>;
}

export interface Line {
  /** Resolves when `delayMs` have gone. */
  sleep(delayMs: number): Promise<void>;
  connect(listener: "broker" | "controller"): Promise<Connection>;
  /** As clients see it: of the broker listener, and of the controller listener. */
  readonly ports: readonly number[];
  /** Where its data lies: DATA in the settings, requests and answers of scenarios. */
  readonly dataDirectory: string;
}

/** What was asked, and the answer; both without what differs from one run to the next. */
export interface Step {
  readonly ask: string;
  readonly request: unknown;
  readonly response: unknown;
}

export interface Scenario {
  readonly name: string;
  /** Settings of the broker beside those that every scenario has. */
  readonly settings?: Readonly<Record<string, string>>;
  run(asker: Asker): Promise<void>;
  /** Its settings are not for people yet: a live Bunka would refuse them. */
  readonly isRefusedAtStart?: true;
  /** Of what Kafka answered, that which is asked of Bunka; all of it where this is left out. */
  expected?(recorded: readonly Step[]): Step[];
}

/** Stands for a directory of the broker under test. */
export const DATA = "DATA";
const CLIENT_ID = "scenario";
const NO_ANSWER = "no answer";
const TRY_EVERY_MS = 20;
const TRIES_MAX = 500;

export class Asker {
  readonly steps: Step[] = [];
  readonly #line: Line;
  readonly #connections = new Map<string, Connection>();
  readonly #chances = new Map<string, string>();
  #correlationId = 0;

  constructor(line: Line) {
    this.#line = line;
  }

  /**
   * Asks a broker listener and remembers the answer. `label` tells equal requests apart;
   * `blur` changes what is remembered, where runs may differ.
   */
  ask<Q, QI, R, RI>(
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
    label = "",
    blur: (response: R) => void = () => {},
  ): Promise<R | null> {
    return this.askOn("broker", api, version, request, label, blur);
  }

  /** Bytes behind a header of this form, and the bytes behind the header of the answer. */
  async askRaw(
    apiKey: number,
    apiVersion: number,
    headerVersion: number,
    body: Uint8Array,
  ): Promise<void> {
    const answer = await this.#send("broker", apiKey, apiVersion, headerVersion, body);
    this.steps.push({
      ask: `API ${apiKey} v${apiVersion}`,
      request: Buffer.from(body).toString("hex"),
      response: answer === null ? NO_ANSWER : answer.subarray(4).toString("hex"),
    });
  }

  /** The same without remembering: what has to be there before the questions. */
  quietly<Q, QI, R, RI>(api: Api<Q, QI, R, RI>, version: number, request: QI): Promise<R> {
    return this.quietlyOn("broker", api, version, request);
  }

  async quietlyOn<Q, QI, R, RI>(
    listener: "broker" | "controller",
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
  ): Promise<R> {
    const answer = await this.#exchange(listener, api, version, request);
    if (answer === null) throw new Error(`${api.name} v${version}: ${NO_ANSWER}`);
    return answer;
  }

  /** Remembers the answer to a request that itself is left to chance. */
  remember(ask: string, response: unknown): void {
    this.steps.push({ ask, request: null, response: this.#comparable(response, true) });
  }

  /** Tries until it holds: for what a broker does behind an answer. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (await condition()) return;
      await this.#line.sleep(TRY_EVERY_MS);
    }
    throw new Error("the condition did not come to hold");
  }

  /** A path below the data of the broker. */
  path(name: string): string {
    return `${this.#line.dataDirectory}/${name}`;
  }

  sleep(delayMs: number): Promise<void> {
    return this.#line.sleep(delayMs);
  }

  async askOn<Q, QI, R, RI>(
    listener: "broker" | "controller",
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
    label = "",
    blur: (response: R) => void = () => {},
  ): Promise<R | null> {
    const answer = await this.#exchange(listener, api, version, request);
    if (answer !== null) blur(answer);
    const where = listener === "controller" ? " to the controller" : "";
    this.steps.push({
      ask: `${api.name} v${version}${where}${label === "" ? "" : `: ${label}`}`,
      request: this.#comparable(request, false),
      response: answer === null ? NO_ANSWER : this.#comparable(answer, true),
    });
    return answer;
  }

  async #exchange<Q, QI, R, RI>(
    listener: "broker" | "controller",
    api: Api<Q, QI, R, RI>,
    version: number,
    request: QI,
  ): Promise<R | null> {
    const body = encode(api.request, version, request);
    const headerVersion = requestHeaderVersion(api, version);
    const response = await this.#send(listener, api.key, version, headerVersion, body);
    if (response === null) return null;
    const headerSize = responseHeaderVersion(api, version) === 1 ? 5 : 4;
    return decode(api.response, version, response.subarray(headerSize));
  }

  async #send(
    listener: "broker" | "controller",
    apiKey: number,
    apiVersion: number,
    headerVersion: number,
    body: Uint8Array,
  ): Promise<Buffer | null> {
    const known = this.#connections.get(listener) ?? (await this.#line.connect(listener));
    this.#connections.set(listener, known);
    const header = encode(requestHeader, headerVersion, {
      requestApiKey: apiKey,
      requestApiVersion: apiVersion,
      correlationId: ++this.#correlationId,
      clientId: CLIENT_ID,
    });
    const response = await known.exchange(Buffer.concat([header, body]));
    if (response === null) this.#connections.delete(listener);
    return response;
  }

  /** Uuids and ports get names, byte fields their size; what is unordered is sorted. */
  #comparable(value: unknown, isResponse: boolean): unknown {
    return this.#named(isResponse ? sorted(value) : value, isResponse);
  }

  #named(value: unknown, isResponse: boolean): unknown {
    if (typeof value === "string") return this.#nameOfChance(value);
    // How well a request is compressed does not matter.
    if (value instanceof Uint8Array) return isResponse ? `${value.length} bytes` : "bytes";
    if (Array.isArray(value)) return value.map((item) => this.#named(item, isResponse));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => {
        const isPort = name === "port" && this.#line.ports.includes(Number(field));
        return [name, isPort ? "a port" : this.#named(field, isResponse)];
      }),
    );
  }

  /** Uuids, and ids of members, which end in one. */
  #nameOfChance(text: string): string {
    const { dataDirectory } = this.#line;
    if (text.startsWith(`${dataDirectory}/`)) return DATA + text.slice(dataDirectory.length);
    const kind = isUuid(text) ? "uuid" : MEMBER_ID.test(text) ? "member" : null;
    if (kind === null) return text;
    const known = this.#chances.get(text) ?? `${kind} ${this.#chances.size + 1}`;
    this.#chances.set(text, known);
    return known;
  }
}

/** Arrays of objects in an order of their own, in which uuids have no say. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(sorted);
    return items.every((item) => typeof item === "object") ? items.sort(byText) : items;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, sorted(field)]));
}

function byText(a: unknown, b: unknown): number {
  const [left, right] = [textOf(a), textOf(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_name, field: unknown) =>
    typeof field === "string" && (isUuid(field) || MEMBER_ID.test(field)) ? "" : field,
  );
}

const MEMBER_ID = /-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function isUuid(text: string): boolean {
  return text !== ZERO_UUID && /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}

/** All versions that are advertised. */
export function versionsOf(api: {
  readonly versions: readonly [number, number];
  readonly stableVersion: number;
}): number[] {
  const [lowest] = api.versions;
  return Array.from({ length: api.stableVersion - lowest + 1 }, (_, index) => lowest + index);
}
