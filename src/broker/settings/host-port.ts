/** `host:port`, `[v6]:port` and `scheme://host:port`, read as Kafka reads them. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const HOST_PORT = /^(?:[0-9a-zA-Z\-%._]*:\/\/)?\[?([0-9a-zA-Z\-%._:]*)\]?:([0-9]+)$/;

/** Null when the text is no address. The host may be empty. */
export function parseHostPort(text: string): HostPort | null {
  const match = HOST_PORT.exec(text);
  return match === null ? null : { host: match[1] ?? "", port: Number(match[2]) };
}

export function isHostName(text: string): boolean {
  return /^[0-9a-zA-Z\-%._:]*$/.test(text);
}
