import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Supplier;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse;
import org.apache.kafka.common.utils.Crc32C;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Timer;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.*;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

/**
 * What Apache Kafka 4.3.1 makes of the records of one Produce request. With kafka_2.13 4.3.1 and all
 * that it needs on the class path: java KafkaVerdicts.java < verdicts.tsv > new-verdicts.tsv
 *
 * Of every line the first four columns are read: the origin, the version of the request, the topic's
 * configs, the records in hex. Behind them stand the error's name, and either what the client is told
 * or (without an error) the first and last offset, the greatest timestamp and the append time; then
 * the record errors; then size and CRC-32C of what the log kept.
 */
public class KafkaVerdicts {
  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    PrintStream out = new PrintStream(System.out, true, "UTF-8");
    KafkaScheduler scheduler = new KafkaScheduler(1);
    scheduler.startup();
    Path parent = Files.createTempDirectory("verdicts");
    int number = 0;
    for (String line; (line = in.readLine()) != null; ) {
      String[] columns = line.split("\t", -1);
      File directory = parent.resolve(number++ + "/t-0").toFile();
      UnifiedLog log = UnifiedLog.create(
          directory, new LogConfig(properties(columns[2])), 100L, 100L, scheduler, new BrokerTopicStats(),
          new FixedTime(), 900_000, new ProducerStateManagerConfig(86_400_000, false), 600_000,
          new LogDirFailureChannel(1), true, Optional.empty());
      String verdict = verdict(log, columns);
      byte[] kept = Files.readAllBytes(directory.toPath().resolve("00000000000000000100.log"));
      long crc = Crc32C.compute(kept, 0, kept.length);
      out.println(columns[0] + "\t" + columns[1] + "\t" + columns[2] + "\t" + columns[3] + "\t" + verdict
          + "\t" + (kept.length == 0 ? "" : kept.length + " " + crc));
      log.close();
    }
    System.exit(0);
  }

  static String verdict(UnifiedLog log, String[] columns) {
    try {
      MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(columns[3])));
      ProduceRequest.validateRecords(Short.parseShort(columns[1]), records);
      LogAppendInfo info = log.appendAsLeader(records, 9, AppendOrigin.valueOf(columns[0]));
      return "NONE\t" + info.firstOffset() + " " + info.lastOffset() + " " + info.maxTimestamp() + " "
          + info.logAppendTime() + "\t";
    } catch (RecordValidationException e) {
      StringBuilder errors = new StringBuilder();
      for (ProduceResponse.RecordError error : e.recordErrors()) {
        errors.append(error.batchIndex).append(":").append(error.message).append("|");
      }
      return Errors.forException(e.invalidException()) + "\t" + e.invalidException().getMessage() + "\t" + errors;
    } catch (Throwable e) {
      return Errors.forException(e) + "\t\t";
    }
  }

  static Properties properties(String text) {
    Properties properties = new Properties();
    for (String pair : text.split(",")) {
      if (pair.isEmpty()) continue;
      properties.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
    }
    return properties;
  }

  static class FixedTime implements Time {
    static final long NOW = 1_700_000_000_000L;

    public long milliseconds() {
      return NOW;
    }

    public long nanoseconds() {
      return NOW * 1_000_000;
    }

    public long hiResClockMs() {
      return NOW;
    }

    public void sleep(long milliseconds) {}

    public void waitObject(Object object, Supplier<Boolean> condition, long deadline) {}

    public Timer timer(long milliseconds) {
      return Time.SYSTEM.timer(milliseconds);
    }
  }
}
