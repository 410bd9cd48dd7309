/** Run by network.test.ts with a small `ulimit -n`: more clients than descriptors. */
import { realNetwork } from "../../src/base/real-network.ts";

let accepted = 0;
let open = 0;
const reasons = new Set<string | null>();
const listener = realNetwork().listen("127.0.0.1", 0, () => {
  accepted++;
  open++;
  return {
    data() {},
    drain() {},
    end() {},
    close(reason) {
      open--;
      reasons.add(reason);
    },
  };
});
console.log(listener.port);
// Whoever asked is gone, however that came about.
process.stdin.on("end", () => process.exit());
process.stdin.on("data", () => {
  const { user, system } = process.cpuUsage();
  const cpuMs = Math.round((user + system) / 1000);
  console.log(JSON.stringify({ accepted, open, reasons: [...reasons], cpuMs }));
});
