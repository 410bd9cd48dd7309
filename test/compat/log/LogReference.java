import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.RequestLocal;
import org.apache.kafka.server.util.Scheduler;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.FetchDataInfo;
import org.apache.kafka.storage.internals.log.Cleaner;
import org.apache.kafka.storage.internals.log.CleanerStats;
import org.apache.kafka.storage.internals.log.LogAppendInfo;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogStartOffsetIncrementReason;
import org.apache.kafka.storage.internals.log.LogToClean;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.SkimpyOffsetMap;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.internals.log.VerificationGuard;
import org.apache.kafka.storage.internals.utils.Throttler;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * Apache Kafka's own log, driven by lines on standard input, one answer a line: what
 * compare-logs.ts holds ours against. Time stands still but for "now".
 */
public final class LogReference {
  private static long now = 0;
  private static final ScheduledThreadPoolExecutor NEVER = new ScheduledThreadPoolExecutor(1);
  private static final Properties CONFIG = new Properties();
  /** What verifications gave, by the name that the other side has for them. */
  private static final Map<String, VerificationGuard> GUARDS = new HashMap<>();
  private static UnifiedLog log;
  private static boolean verifies = false;
  private static boolean lags = false;

  private static final Time TIME = new Time() {
    public long milliseconds() { return now; }
    public long nanoseconds() { return now * 1_000_000; }
    public long hiResClockMs() { return now; }
    public void sleep(long ms) {}
    public void waitObject(Object object, Supplier<Boolean> condition, long deadline) {}
  };

  /** Runs what is due at once, and nothing else. */
  private static final Scheduler SCHEDULER = new Scheduler() {
    public void startup() {}
    public void shutdown() {}
    public void resizeThreadPool(int size) {}
    public ScheduledFuture<?> schedule(String name, Runnable task, long delayMs, long periodMs) {
      if (delayMs <= 0 && periodMs < 0) task.run();
      return NEVER.schedule(() -> {}, 1000, TimeUnit.DAYS);
    }
  };

  public static void main(String[] arguments) throws Exception {
    PrintStream answers = System.out;
    System.setOut(System.err);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String answer;
      try {
        answer = obey(line.split(" "));
      } catch (Throwable error) {
        answer = "error " + Errors.forException(error).name();
      }
      answers.println(answer);
      answers.flush();
    }
    NEVER.shutdownNow();
  }

  private static String obey(String[] words) throws Exception {
    switch (words[0]) {
      case "config":
        CONFIG.setProperty(words[1], words[2]);
        return "ok";
      case "now":
        now = Long.parseLong(words[1]);
        return "ok";
      case "open":
        return open(words);
      case "verifies":
        verifies = words[1].equals("true");
        return "ok";
      case "lags":
        lags = words[1].equals("true");
        return "ok";
      case "append":
        return append(words);
      case "verify":
        return verify(words);
      case "expire":
        log.removeExpiredProducers(now);
        return "expired";
      case "watermark":
        log.updateHighWatermark(Long.parseLong(words[1]));
        return "watermark " + log.highWatermark() + " " + stable();
      case "read":
        return read(words);
      case "producers":
        return producers();
      case "truncate":
        return "truncate " + log.truncateTo(Long.parseLong(words[1])) + " " + log.logEndOffset();
      case "start":
        return "start " + log.maybeIncrementLogStartOffset(
          Long.parseLong(words[1]), LogStartOffsetIncrementReason.ClientRecordDeletion);
      case "roll":
        log.roll(Optional.empty());
        return "rolled " + log.numberOfSegments();
      case "clean":
        return clean(
          Long.parseLong(words[1]), Integer.parseInt(words[2]), words[3].equals("sized"));
      case "retain":
        return "retained " + log.deleteOldSegments() + " " + log.logStartOffset();
      case "time":
        return time(Long.parseLong(words[1]));
      case "end":
        return log.endOffsetForEpoch(Integer.parseInt(words[1]))
          .map(end -> "end " + end.epoch() + " " + end.offset()).orElse("end none");
      case "flush":
        log.flush(false);
        return "ok";
      case "close":
        log.flush(true);
        log.close();
        return "closed " + log.recoveryPoint();
      case "kill":
        log.closeHandlers();
        return "ok";
      default:
        return "unknown " + words[0];
    }
  }

  private static String open(String[] words) throws Exception {
    boolean clean = words[2].equals("clean");
    log = UnifiedLog.create(
      new File(words[1]), new LogConfig(CONFIG), Long.parseLong(words[4]),
      Long.parseLong(words[3]), SCHEDULER, new BrokerTopicStats(), TIME, 900_000,
      new ProducerStateManagerConfig(86_400_000, verifies), 600_000, new LogDirFailureChannel(10),
      clean, Optional.of(Uuid.fromString(words[5])));
    return "opened " + log.logStartOffset() + " " + log.logEndOffset() + " "
      + log.numberOfSegments();
  }

  private static String append(String[] words) throws Exception {
    byte[] bytes = HexFormat.of().parseHex(words[5]);
    LogAppendInfo info = log.appendAsLeader(
      MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)), Integer.parseInt(words[2]),
      AppendOrigin.valueOf(words[1]), RequestLocal.noCaching(),
      GUARDS.getOrDefault(words[4], VerificationGuard.SENTINEL), Short.parseShort(words[3]));
    if (!lags) log.updateHighWatermark(log.logEndOffset());
    return "ok " + info.firstOffset() + " " + info.lastOffset() + " " + info.logAppendTime() + " "
      + (lags ? -1 : stable());
  }

  private static long stable() {
    return Math.max(log.lastStableOffset(), log.logStartOffset());
  }

  private static String verify(String[] words) {
    VerificationGuard guard = log.maybeStartTransactionVerification(
      Long.parseLong(words[2]), Integer.parseInt(words[3]), Short.parseShort(words[4]),
      words[5].equals("true"));
    if (guard == VerificationGuard.SENTINEL) return "open";
    GUARDS.put(words[1], guard);
    return "started";
  }

  private static String read(String[] words) throws Exception {
    FetchDataInfo found = log.read(
      Long.parseLong(words[1]), Integer.parseInt(words[2]), FetchIsolation.TXN_COMMITTED, true);
    return "read " + found.records.sizeInBytes() + found.abortedTransactions.orElseThrow().stream()
      .map(each -> " " + each.producerId() + ":" + each.firstOffset()).reduce("", String::concat);
  }

  private static String producers() {
    return log.activeProducers().stream()
      .sorted((left, right) -> Long.compare(left.producerId(), right.producerId()))
      .map(each -> each.producerId() + " " + each.producerEpoch() + " " + each.lastSequence() + " "
        + each.lastTimestamp() + " " + each.coordinatorEpoch() + " " + each.currentTxnStartOffset())
      .reduce("producers", (all, each) -> all + "; " + each);
  }

  /** From the first dirty offset to where nothing may be cleaned, with a map of so many bytes. */
  private static String clean(long firstDirty, int mapBytes, boolean isSized) throws Exception {
    long uncleanable = Math.min(
      Math.max(log.lastStableOffset(), log.logStartOffset()), log.activeSegment().baseOffset());
    long start = Math.max(firstDirty, log.logStartOffset());
    LogToClean cleanable = new LogToClean(log, start, Math.max(start, uncleanable), false);
    String what = start + " " + cleanable.firstUncleanableOffset();
    if (isSized) what += " " + cleanable.cleanableBytes() + " " + cleanable.totalBytes();
    if (cleanable.cleanableBytes() == 0) return "clean " + what;
    Cleaner cleaner = new Cleaner(
      0, new SkimpyOffsetMap(mapBytes), 4096, 4096, 0.9,
      new Throttler(Double.MAX_VALUE, 300, "io", "bytes", TIME), TIME, partition -> {});
    Map.Entry<Long, CleanerStats> result = cleaner.clean(cleanable);
    return "cleaned " + what + " to " + result.getKey() + " " + log.numberOfSegments()
      + (isSized ? " " + log.size() : "");
  }

  private static String time(long timestamp) throws Exception {
    Optional<FileRecords.TimestampAndOffset> found =
      log.fetchOffsetByTimestamp(timestamp, Optional.empty()).timestampAndOffsetOpt();
    return found
      .map(at -> "time " + at.timestamp + " " + at.offset + " " + at.leaderEpoch.orElse(-1))
      .orElse("time none");
  }
}
