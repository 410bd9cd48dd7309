/**
 * Which sizes a frame may have, and what the first four bytes of a stranger most likely are: a
 * TLS or HTTP client on a plain port is the most common mistake of all, and "invalid receive of
 * 369295616 bytes" has sent many people looking for a memory leak.
 */

/** API key, version, correlation id and the length of the client id. */
export const REQUEST_SIZE_MIN = 10;

/** The correlation id. */
export const RESPONSE_SIZE_MIN = 4;

export function refusalOfSize(size: number, frameSizeMax: number): string {
  const guess = guessOf(size);
  if (guess !== null) return `looks like ${guess}, not like Kafka's protocol`;
  if (size < 0) return `frame of ${size} bytes`;
  if (size < REQUEST_SIZE_MIN) return `frame of ${size} bytes is too small for a request header`;
  return `frame of ${size} bytes is larger than ${frameSizeMax}`;
}

function guessOf(size: number): string | null {
  const first = (size >> 24) & 0xff;
  const second = (size >> 16) & 0xff;
  if ((first === TLS_HANDSHAKE || first === TLS_ALERT) && second === TLS_MAJOR) return "TLS";
  const text = String.fromCharCode(first, second, (size >> 8) & 0xff, size & 0xff);
  if (HTTP_STARTS.has(text)) return "HTTP";
  return text === "SSH-" ? "SSH" : null;
}

const TLS_HANDSHAKE = 22;
const TLS_ALERT = 21;
const TLS_MAJOR = 3;
const HTTP_STARTS = new Set("GET |POST|HEAD|PUT |DELE|OPTI|CONN|TRAC|PATC|PRI |HTTP".split("|"));
