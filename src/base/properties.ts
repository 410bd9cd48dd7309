/**
 * Java's .properties files, read and written as java.util.Properties does.
 *
 *     # comment      ! comment         name = value     name: value     name value
 *     name = a value that \
 *            goes on
 *
 * Files are ISO-8859-1; other characters stand as \uXXXX. Of a repeated name the last value counts.
 */

/** Throws `PropertiesError` where Java would refuse the file. */
export function parseProperties(bytes: Uint8Array): Map<string, string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const properties = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const keyEnd = endOfKey(line);
    const valueStart = startOfValue(line, keyEnd);
    properties.set(unescape(line.slice(0, keyEnd)), unescape(line.slice(valueStart)));
  }
  return properties;
}

/** Text to be written as ISO-8859-1; `comments` go first, each a line of its own. */
export function formatProperties(
  properties: Iterable<readonly [string, string]>,
  comments: readonly string[] = [],
): string {
  let text = "";
  for (const comment of comments) text += `#${comment}\n`;
  for (const [name, value] of properties) text += `${escapeKey(name)}=${escapeValue(value)}\n`;
  return text;
}

export class PropertiesError extends Error {}

/** Lines without comments and blank ones, joined where a backslash ends them. */
function* logicalLines(text: string): Generator<string> {
  let joined: string | null = null;
  for (const natural of text.split(/\r\n|\r|\n/)) {
    const line = natural.replace(/^[ \t\f]+/, "");
    if (joined === null && (line === "" || line[0] === "#" || line[0] === "!")) continue;
    const goesOn = endsInBackslash(line);
    joined = (joined ?? "") + (goesOn ? line.slice(0, -1) : line);
    if (goesOn) continue;
    yield joined;
    joined = null;
  }
  if (joined !== null && joined !== "") yield joined;
}

/** An even number of backslashes are so many escaped ones. */
function endsInBackslash(line: string): boolean {
  let count = 0;
  while (line[line.length - 1 - count] === "\\") count++;
  return count % 2 === 1;
}

function endOfKey(line: string): number {
  for (let at = 0; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if ("=: \t\f".includes(line[at] ?? "")) return at;
  }
  return line.length;
}

/** After the key come blanks, at most one `=` or `:`, and blanks. */
function startOfValue(line: string, keyEnd: number): number {
  const separator = /^[ \t\f]*[=:]?[ \t\f]*/.exec(line.slice(keyEnd));
  return keyEnd + (separator?.[0].length ?? 0);
}

const ESCAPED: Record<string, string> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescape(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(?:u([^]{0,4})|([^])|$)/g, (_, hex?: string, single?: string) => {
    if (hex === undefined) return single === undefined ? "" : (ESCAPED[single] ?? single);
    if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw new PropertiesError("Malformed \\uxxxx encoding.");
    return String.fromCharCode(parseInt(hex, 16));
  });
}

/** Every blank of a name needs a backslash; of a value, only a leading one. */
function escapeKey(name: string): string {
  return escape(name).replaceAll(" ", "\\ ");
}

function escapeValue(value: string): string {
  const escaped = escape(value);
  return escaped.startsWith(" ") ? `\\${escaped}` : escaped;
}

function escape(text: string): string {
  return text.replace(/[\\\t\n\r\f=:#!]|[^\x20-\x7e]/g, (character) => {
    const letter = "tnrf"["\t\n\r\f".indexOf(character)];
    if (letter !== undefined) return `\\${letter}`;
    if ("\\=:#!".includes(character)) return `\\${character}`;
    return `\\u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
}
