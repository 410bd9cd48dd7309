/**
 * The outermost layer of an OTLP message in protobuf: what clients push (MetricsData) and what a
 * collector takes (ExportMetricsServiceRequest) is the same, a list of ResourceMetrics.
 *
 *     message     = ( 0a size ResourceMetrics )*
 *     ... of it   = [ 0a size Resource ] ...       with Resource = ( 0a size KeyValue )*
 *
 * A message within a message may come in parts, which are taken together: so a resource gets more
 * attributes by one more part at the end, and nothing inside is looked at.
 */
import { ProtocolError } from "../../protocol/protocol-error.ts";

/** Field 1, bytes with their size before them: all that is written here. */
const FIELD_1 = 0x0a;
const VARINT_SIZE_MAX = 10;

/** Each resource says of which client it is. Throws `ProtocolError` for what is no such message. */
export function withAttributes(message: Buffer, attributes: ReadonlyMap<string, string>): Buffer {
  const resource = Buffer.concat([...attributes].map(([name, value]) => keyValue(name, value)));
  const addition = field(resource);
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length;) {
    if (message[at] !== FIELD_1) throw new ProtocolError(`no metrics at byte ${at}`);
    const size = readVarint(message, at + 1);
    const start = at + 1 + size.length;
    if (start + size.value > message.length) throw new ProtocolError("metrics are cut off");
    const metrics = message.subarray(start, start + size.value);
    parts.push(field(Buffer.concat([metrics, addition])));
    at = start + size.value;
  }
  return Buffer.concat(parts);
}

/** KeyValue {key = 1, value = 2 AnyValue {string_value = 1}}. */
function keyValue(name: string, value: string): Buffer {
  const text = field(Buffer.from(value));
  const FIELD_2 = 0x12;
  const any = Buffer.concat([Buffer.of(FIELD_2), varint(text.length), text]);
  return field(Buffer.concat([field(Buffer.from(name)), any]));
}

function field(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(FIELD_1), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.of(...bytes, rest);
}

function readVarint(bytes: Buffer, at: number): { value: number; length: number } {
  let value = 0;
  for (let length = 1; length <= VARINT_SIZE_MAX; length++) {
    const byte = bytes[at + length - 1];
    if (byte === undefined) throw new ProtocolError("metrics are cut off");
    value += (byte & 0x7f) * 2 ** (7 * (length - 1));
    if (byte < 0x80) return { value, length };
  }
  throw new ProtocolError("metrics with a size beyond all bounds");
}
