/** Addresses as text, in the one form in which sockets tell them. */

/** Null when the text is no address: a name, or nothing of the kind. */
export function canonicalAddress(text: string): string | null {
  if (IPV4.test(text)) return text.split(".").every(isByte) ? withoutZeros(text) : null;
  if (!IPV6.test(text)) return null;
  const [, hostname = ""] = /^\[(.+)\]$/.exec(hostnameOf(`http://[${text}]/`)) ?? [];
  return hostname === "" ? null : withoutMapping(hostname);
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
