/**
 * The head of an HTTP/1 request, as far as a server of small answers needs it. Pure.
 *
 *   GET /metrics HTTP/1.1 CRLF
 *   Accept-Encoding: gzip CRLF
 *   CRLF
 */
export interface HttpRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly version: "1.0" | "1.1";
  /** By name in lower case; of one that comes again all values, with commas between. */
  readonly headers: ReadonlyMap<string, string>;
  /** Bytes of the head: what follows is the next request's, as none has a body. */
  readonly size: number;
}

/** It is answered with this status, and its connection closed. */
export interface BadRequest {
  readonly status: 400 | 413 | 431 | 505;
}

const HEAD_SIZE_MAX = 8192;
const REQUEST_LINE = /^([A-Z]{1,16}) (\S{1,2048}) HTTP\/(\d)\.(\d)$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/;

/** Null while more bytes are needed. */
export function readRequest(bytes: Buffer): HttpRequest | BadRequest | null {
  const end = bytes.subarray(0, HEAD_SIZE_MAX).indexOf("\r\n\r\n");
  if (end === -1) return bytes.length >= HEAD_SIZE_MAX ? { status: 431 } : null;
  const [first = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const match = REQUEST_LINE.exec(first);
  if (match === null) return { status: 400 };
  const [, method = "", target = "", major, minor] = match;
  if (major !== "1" || (minor !== "0" && minor !== "1")) return { status: 505 };
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = HEADER_LINE.exec(line);
    if (header === null) return { status: 400 };
    const name = header[1]!.toLowerCase();
    const known = headers.get(name);
    headers.set(name, known === undefined ? header[2]! : `${known}, ${header[2]!}`);
  }
  if (headers.has("transfer-encoding")) return { status: 413 };
  if ((headers.get("content-length") ?? "0") !== "0") return { status: 413 };
  const path = target.split("?", 1)[0]!;
  return { method, path, version: minor === "0" ? "1.0" : "1.1", headers, size: end + 4 };
}

/** What a list of `Accept` or `Accept-Encoding` says of `name`: 0 when it is not wanted. */
export function qualityOf(list: string | undefined, name: string): number {
  for (const item of (list ?? "").split(",")) {
    const [value = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    if (value !== name) continue;
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    return quality === undefined ? 1 : Number(quality.slice(2)) || 0;
  }
  return 0;
}
