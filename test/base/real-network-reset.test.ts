import { expect, test } from "bun:test";
import { realNetwork } from "../../src/base/real-network.ts";

const RESETS = 200;

/** A port scan: every connection is reset as soon as it is made. */
const SCANNER = `
import socket, struct, sys
for _ in range(${RESETS}):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
`;

test.skipIf(Bun.which("python3") === null)(
  "connections that are reset before they are accepted are closed like any other",
  async () => {
    let opened = 0;
    let closed = 0;
    const all = Promise.withResolvers<void>();
    const listener = realNetwork().listen("127.0.0.1", 0, (socket) => {
      opened++;
      expect(typeof socket.remoteAddress).toBe("string");
      return {
        data() {},
        drain() {},
        end() {},
        close() {
          if (++closed === RESETS) all.resolve();
        },
      };
    });
    const child = Bun.spawn(["python3", "-c", SCANNER, String(listener.port)]);
    await child.exited;
    await all.promise;
    listener.stop();
    expect(opened).toBe(RESETS);
  },
);
