/** Kafka's LogManager, LogFlushStats, LogCleaner and LogCleanerManager. */
import { type Families, labelText } from "../../base/metrics-text.ts";
import { RecentQuantiles } from "../../base/recent-quantiles.ts";
import type { LogManager } from "../../log/log-manager.ts";
import { histogramQuantiles } from "./histogram-quantiles.ts";

export function logFamilies(logs: LogManager): Families {
  const flushes = new RecentQuantiles();
  return function* (out) {
    const { directories, cleaner, flushesUs } = logs;
    const offline = directories.filter(({ failure }) => failure !== null).length;
    const name = "kafka_log_logmanager";
    out.one(`${name}_offlinelogdirectorycount`, "gauge", "Log directories offline", offline);
    out.family(`${name}_logdirectoryoffline`, "gauge", "1 where the directory is offline");
    for (const { path, failure } of directories) {
      out.sample(failure === null ? 0 : 1, labelText({ logDirectory: path }));
    }
    const { background, handles } = logs;
    const help = "Flushes and checkpoints that run or wait for the disk";
    out.one("bunka_background_work", "gauge", help, background.length);
    out.one("bunka_log_open_files", "gauge", "Files of logs that are open", handles.openCount);
    const flush = "kafka_log_logflushstats_logflushrateandtimems";
    out.one(`${flush}_count`, "unknown", "Flushes of logs", flushesUs.count);
    const shown = { recent: flushes, histogram: flushesUs, nowMs: logs.clock.monotonicMs() };
    histogramQuantiles(out, flush, "What a flush of a log took, in milliseconds", shown);
    yield;
    if (cleaner === null) return;
    const { dirtiestRatio, lastReport } = cleaner;
    const kept = lastReport === null ? 0 : lastReport.bytesWritten / (lastReport.bytesRead || 1);
    const rows: readonly (readonly [string, string, number])[] = [
      ["logcleanermanager_max_dirty_percent", "Of the dirtiest log", dirtiestRatio * 100],
      ["logcleaner_cleaner_recopy_percent", "What the last cleaning kept", kept * 100],
      [
        "logcleaner_max_clean_time_secs",
        "What the last cleaning took",
        (lastReport?.tookMs ?? 0) / 1000,
      ],
    ];
    for (const [row, help, value] of rows) {
      out.one(`kafka_log_${row}`, "gauge", help, Math.trunc(value));
    }
    yield;
  };
}
