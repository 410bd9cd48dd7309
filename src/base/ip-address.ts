/** Addresses: as text, in the one form in which sockets tell them, and as their bytes. */

/** Null when the text is no address: a name, or nothing of the kind. */
export function canonicalAddress(text: string): string | null {
  if (IPV4.test(text)) return text.split(".").every(isByte) ? withoutZeros(text) : null;
  if (!IPV6.test(text)) return null;
  const [, hostname = ""] = /^\[(.+)\]$/.exec(hostnameOf(`http://[${text}]/`)) ?? [];
  return hostname === "" ? null : withoutMapping(hostname);
}

/** 4 or 16 bytes; null when the text is no address. */
export function addressBytes(text: string): Buffer | null {
  const address = canonicalAddress(text);
  if (address === null) return null;
  if (!address.includes(":")) return Buffer.from(address.split(".").map(Number));
  const [front = [], back = []] = address.split("::").map(groupsIn);
  const zeros = new Array<number>(GROUP_COUNT - front.length - back.length).fill(0);
  const bytes = Buffer.alloc(GROUP_COUNT * 2);
  [...front, ...zeros, ...back].forEach((group, index) => bytes.writeUInt16BE(group, index * 2));
  return bytes;
}

/** Null for another number of bytes than an address has. */
export function addressFrom(bytes: Buffer): string | null {
  if (bytes.length === 4) return [...bytes].join(".");
  if (bytes.length !== GROUP_COUNT * 2) return null;
  const groups = Array.from({ length: GROUP_COUNT }, (_, index) => bytes.readUInt16BE(index * 2));
  return canonicalAddress(groups.map((group) => group.toString(16)).join(":"));
}

/** Of an IPv6 address. */
const GROUP_COUNT = 8;

function groupsIn(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
const IPV6 = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/;
/** An IPv4 address in an IPv6 one. */
const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

function isByte(text: string): boolean {
  return Number(text) <= 255;
}

function withoutZeros(text: string): string {
  return text.split(".").map(Number).join(".");
}

function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : "";
}

function withoutMapping(hostname: string): string {
  const [, high, low] = MAPPED.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname;
  const [left, right] = [parseInt(high, 16), parseInt(low, 16)];
  return [left >> 8, left & 255, right >> 8, right & 255].join(".");
}
