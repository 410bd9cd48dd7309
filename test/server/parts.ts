/** What tests of the server's parts need and do not look at. */
import type { ConnectionContext } from "../../src/api/request.ts";
import { Signal } from "../../src/base/signal.ts";
import { Reader } from "../../src/protocol/reader.ts";
import { Block, Frame } from "../../src/protocol/frames/block.ts";
import { RequestMemory } from "../../src/server/request-memory.ts";
import { FakeClock } from "../sim/fake-clock.ts";

const memory = new RequestMemory(new FakeClock(), {
  queuedMaxRequestBytes: Infinity,
  queuedMaxRequests: Infinity,
});

export function someFrame(): Frame {
  return new Frame(new Block(Buffer.alloc(20), memory, null), 4, 20);
}

export function someReader(): Reader {
  return new Reader(Buffer.alloc(0));
}

export function someContext(): ConnectionContext {
  return {
    id: 1,
    listenerName: "PLAINTEXT",
    remoteAddress: "127.0.0.1",
    remotePort: 1,
    clientSoftwareName: "",
    clientSoftwareVersion: "",
    isClosing: false,
    closing: new Signal(),
  };
}
