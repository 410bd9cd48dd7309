/** Run by network.test.ts: a handler with a bug. */
import { realNetwork } from "../../src/base/real-network.ts";

process.on("uncaughtException", (error) => {
  console.log(`uncaught ${error.message}`);
  process.exit(7);
});

const listener = realNetwork().listen("127.0.0.1", 0, () => ({
  data() {
    throw new Error("boom");
  },
  drain() {},
  end() {},
  close: () => console.log("closed"),
}));
const client = await realNetwork().connect("127.0.0.1", listener.port, {
  data() {},
  drain() {},
  end() {},
  close() {},
});
client.write(Buffer.from("x"), 0, 1);
