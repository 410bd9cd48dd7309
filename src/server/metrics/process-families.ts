/** The process and its event loop, under Prometheus' own names where there are such. */
import type { LoopLag } from "../../base/loop-lag.ts";
import type { Families } from "../../base/metrics-text.ts";
import type { World } from "../../base/world.ts";
import { SECONDS } from "./request-families.ts";

/** Over which the idle share is taken. */
const IDLE_WINDOW_MS = 15_000;

export function processFamilies({ clock, process }: World, loopLag: LoopLag): Families {
  const idle = new IdleShare();
  return function* (out) {
    const now = process.read();
    const counters: readonly (readonly [string, string, number])[] = [
      ["process_cpu_seconds", "User and system time of all threads", now.cpuSeconds],
      ["bunka_loop_cpu_seconds", "User and system time of the event loop", now.loopCpuSeconds],
    ];
    for (const [name, help, value] of counters) out.one(name, "counter", help, value);
    const gauges: readonly (readonly [string, string, number])[] = [
      ["process_start_time_seconds", "When the process started", now.startedMs / 1000],
      ["process_resident_memory_bytes", "Resident memory", now.residentBytes],
      ["process_virtual_memory_bytes", "Virtual memory", now.virtualBytes],
      ["process_open_fds", "Open file descriptors", now.openDescriptors],
      ["process_max_fds", "File descriptors that the process may open", now.descriptorsMax],
      ["process_threads", "Threads", now.threads],
      ["bunka_heap_bytes", "The collected heap", now.heapBytes],
      ["bunka_heap_used_bytes", "What of the heap is in use", now.heapUsedBytes],
      [
        "bunka_external_bytes",
        "Memory that objects of the heap hold outside it",
        now.externalBytes,
      ],
      ["kafka_server_kafkaserver_linux_disk_read_bytes", "Read from disks", now.diskReadBytes],
      ["kafka_server_kafkaserver_linux_disk_write_bytes", "Written to disks", now.diskWrittenBytes],
    ];
    for (const [name, help, value] of gauges) {
      if (!Number.isNaN(value)) out.one(name, "gauge", help, value);
    }
    yield;
    // One thread does what Kafka's network and request threads do.
    const share = idle.read(clock.monotonicMs(), now.loopCpuSeconds);
    for (const name of [
      "kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent",
      "kafka_network_socketserver_networkprocessoravgidle_percent",
      "kafka_network_socketserver_networkprocessoravgidlepercent",
    ]) {
      out.one(name, "gauge", "Share of its time (0 to 1) that the event loop sleeps", share);
    }
    out.family("bunka_loop_delay_seconds", "histogram", "What a timer waits for the event loop");
    out.histogram(loopLag.delaysUs, SECONDS, 1e-6, {});
    out.one("bunka_loop_delay_max_seconds", "gauge", "The longest", loopLag.delaysUs.max / 1e6);
    yield;
  };
}

/** Between one and two windows back from now, or all that there is. */
class IdleShare {
  #older = { ms: 0, cpuSeconds: 0 };
  #newer = { ms: 0, cpuSeconds: 0 };
  #isBegun = false;

  read(ms: number, cpuSeconds: number): number {
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#newer = { ms, cpuSeconds };
      this.#older = this.#newer;
      return 1;
    }
    if (ms - this.#newer.ms >= IDLE_WINDOW_MS) {
      this.#older = this.#newer;
      this.#newer = { ms, cpuSeconds };
    }
    const seconds = (ms - this.#older.ms) / 1000;
    if (seconds <= 0) return 1;
    return Math.min(1, Math.max(0, 1 - (cpuSeconds - this.#older.cpuSeconds) / seconds));
  }
}
