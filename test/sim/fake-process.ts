/** A process that uses what a test says. */
import type { ProcessFigures, ProcessStatus } from "../../src/base/world.ts";

export class FakeProcess implements ProcessStatus {
  figures: ProcessFigures = {
    startedMs: 0,
    cpuSeconds: 1.5,
    loopCpuSeconds: 1,
    residentBytes: 50_000_000,
    virtualBytes: NaN,
    heapBytes: 20_000_000,
    heapUsedBytes: 10_000_000,
    externalBytes: 1_000_000,
    threads: 4,
    openDescriptors: 12,
    descriptorsMax: 1024,
    diskReadBytes: 0,
    diskWrittenBytes: 4096,
  };

  read(): ProcessFigures {
    return this.figures;
  }
}
