import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.ByteBufferOutputStream;
import org.apache.kafka.common.utils.Crc32C;

/**
 * Record batches as Apache Kafka 4.3.1 writes and reads them. With kafka-clients 4.3.1, lz4-java,
 * snappy-java, zstd-jni and slf4j-api on the class path:
 *
 *   java RecordFixtures.java make DIRECTORY     writes every NAME.bin, and what is in them to index.json
 *   java RecordFixtures.java read FILE...       prints what is in each, in the same form
 */
public class RecordFixtures {
  static final long TIME = 1_700_000_000_000L;
  static Path directory;
  static final StringBuilder index = new StringBuilder();

  public static void main(String[] args) throws IOException {
    if (args[0].equals("make")) {
      directory = Path.of(args[1]);
      make();
      Files.writeString(directory.resolve("index.json"), index.append("\n}\n").toString());
    } else {
      for (int index = 1; index < args.length; index++) {
        byte[] bytes = Files.readAllBytes(Path.of(args[index]));
        System.out.print(describe(MemoryRecords.readableRecords(ByteBuffer.wrap(bytes))));
      }
    }
  }

  static void make() throws IOException {
    Compression[] codecs = {
      Compression.NONE,
      Compression.gzip().build(),
      Compression.snappy().build(),
      Compression.lz4().build(),
      Compression.zstd().build(),
    };
    for (Compression codec : codecs) {
      MemoryRecordsBuilder small = builder(codec, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, false);
      appendSmall(small);
      write("small-" + codec.type().name, small);
      if (codec == Compression.NONE) continue;

      // More than one block of every format: 64 KiB of lz4, 32 KiB of snappy.
      MemoryRecordsBuilder large = builder(codec, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, false);
      Random random = new Random(7);
      for (int index = 0; index < 60; index++) {
        large.append(TIME + index * 37L, bytes("key-" + index % 17), bytes(SENTENCE.repeat(25 + index % 3)));
      }
      write("large-" + codec.type().name, large);

      MemoryRecordsBuilder noise = builder(codec, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, false);
      byte[] value = new byte[2000];
      random.nextBytes(value);
      noise.append(TIME, null, value);
      write("noise-" + codec.type().name, noise);
    }
    write("lz4-level-3", level(Compression.lz4().level(3).build()));
    write("lz4-level-17", level(Compression.lz4().level(17).build()));
    write("gzip-level-1", level(Compression.gzip().level(1).build()));
    write("zstd-level-19", level(Compression.zstd().level(19).build()));

    MemoryRecordsBuilder idempotent = builder(Compression.NONE, TimestampType.CREATE_TIME, 1234, 4000, (short) 5, 77, true, false);
    appendSmall(idempotent);
    write("transactional", idempotent);

    MemoryRecordsBuilder stamped = builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, 9, -1, (short) -1, -1, false, false);
    appendSmall(stamped);
    write("log-append-time", stamped);

    MemoryRecordsBuilder gaps = builder(Compression.NONE, TimestampType.CREATE_TIME, 5_000_000_000L, -1, (short) -1, -1, false, false);
    gaps.appendWithOffset(5_000_000_002L, TIME, bytes("a"), bytes("first"));
    gaps.appendWithOffset(5_000_000_300L, TIME - 5_000_000_000L, bytes("b"), null);
    gaps.appendWithOffset(5_000_070_000L, TIME + 5_000_000_000L, null, bytes("third"));
    gaps.overrideLastOffset(5_000_070_100L);
    write("gaps", gaps);

    for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.ABORT, ControlRecordType.COMMIT}) {
      MemoryRecords marker = MemoryRecords.withEndTransactionMarker(
          0, TIME, 3, 4000, (short) 5, new EndTransactionMarker(type, 21));
      write("marker-" + type.name().toLowerCase(), marker);
    }
    ByteBuffer buffer = ByteBuffer.allocate(512);
    LeaderChangeMessage change = new LeaderChangeMessage()
        .setVersion((short) 0)
        .setLeaderId(3)
        .setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)))
        .setGrantingVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)));
    write("leader-change", MemoryRecords.withLeaderChangeMessage(11, TIME, 6, buffer, change));

    MemoryRecordsBuilder horizon = new MemoryRecordsBuilder(
        new ByteBufferOutputStream(512), RecordBatch.CURRENT_MAGIC_VALUE, Compression.NONE,
        TimestampType.CREATE_TIME, 40, -1, -1, (short) -1, -1, false, false, 2, 512, TIME + 86_400_000L);
    horizon.append(TIME, bytes("gone"), null);
    write("delete-horizon", horizon);

    ByteBuffer empty = ByteBuffer.allocate(61);
    org.apache.kafka.common.record.internal.DefaultRecordBatch.writeEmptyHeader(
        empty, (byte) 2, 4000, (short) 5, 77, 100, 109, 4, TimestampType.CREATE_TIME, TIME, false, false);
    empty.flip();
    write("empty", MemoryRecords.readableRecords(empty));
  }

  static MemoryRecordsBuilder builder(
      Compression codec, TimestampType type, long baseOffset, long producerId, short producerEpoch,
      int baseSequence, boolean isTransactional, boolean isControl) {
    return new MemoryRecordsBuilder(
        ByteBuffer.allocate(4096), RecordBatch.CURRENT_MAGIC_VALUE, codec, type, baseOffset, TIME + 1000,
        producerId, producerEpoch, baseSequence, isTransactional, isControl, 8, 1 << 20);
  }

  static void appendSmall(MemoryRecordsBuilder builder) {
    Header[] headers = {
      new RecordHeader("trace", bytes("0123456789abcdef")),
      new RecordHeader("none", null),
      new RecordHeader("", new byte[0]),
      new RecordHeader("trace", bytes("again")),
      new RecordHeader("gr\u00fc\u00df \ud83d\ude00", new byte[] {0, -1, 127}),
    };
    builder.append(TIME, bytes("key"), bytes("value"), headers);
    builder.append(TIME + 1, null, bytes("no key"));
    builder.append(TIME - 250, bytes("no value"), null);
    builder.append(TIME + 100_000_000L, new byte[0], new byte[0]);
    builder.append(TIME, null, (byte[]) null);
    builder.append(TIME + 3, bytes("k".repeat(70)), bytes("repeated ".repeat(40)));
  }

  static MemoryRecordsBuilder level(Compression codec) {
    MemoryRecordsBuilder builder = builder(codec, TimestampType.CREATE_TIME, 0, -1, (short) -1, -1, false, false);
    Random random = new Random(3);
    for (int index = 0; index < 12; index++) builder.append(TIME, null, text(random, 600));
    return builder;
  }

  static final String SENTENCE = "Kafka keeps what it is given, in order, and hands it out as often as asked. ";

  static byte[] text(Random random, int size) {
    String[] words = {"alpha", "beta", "gamma", "delta", "{\"id\":", "},", "2024-05-06", "true", "null", "0.25"};
    StringBuilder text = new StringBuilder();
    while (text.length() < size) text.append(words[random.nextInt(words.length)]).append(' ');
    return bytes(text.toString());
  }

  static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static void write(String name, MemoryRecordsBuilder builder) throws IOException {
    write(name, builder.build());
  }

  static void write(String name, MemoryRecords records) throws IOException {
    byte[] bytes = new byte[records.sizeInBytes()];
    records.buffer().duplicate().get(bytes);
    Files.write(directory.resolve(name + ".bin"), bytes);
    index.append(index.length() == 0 ? "{\n" : ",\n").append("\"").append(name).append("\":").append(describe(records).strip());
  }

  static String describe(MemoryRecords records) {
    StringBuilder out = new StringBuilder("[");
    for (MutableRecordBatch batch : records.batches()) {
      batch.ensureValid();
      if (out.length() > 1) out.append(",");
      out.append("\n{\"baseOffset\":").append(batch.baseOffset())
          .append(",\"lastOffset\":").append(batch.lastOffset())
          .append(",\"nextOffset\":").append(batch.nextOffset())
          .append(",\"size\":").append(batch.sizeInBytes())
          .append(",\"crc\":").append(batch.checksum())
          .append(",\"partitionLeaderEpoch\":").append(batch.partitionLeaderEpoch())
          .append(",\"compression\":\"").append(batch.compressionType().name)
          .append("\",\"timestampType\":\"").append(batch.timestampType().name)
          .append("\",\"maxTimestamp\":").append(batch.maxTimestamp())
          .append(",\"producerId\":").append(batch.producerId())
          .append(",\"producerEpoch\":").append(batch.producerEpoch())
          .append(",\"baseSequence\":").append(batch.baseSequence())
          .append(",\"lastSequence\":").append(batch.lastSequence())
          .append(",\"isTransactional\":").append(batch.isTransactional())
          .append(",\"isControl\":").append(batch.isControlBatch())
          .append(",\"deleteHorizonMs\":")
          .append(batch.deleteHorizonMs().isPresent() ? "" + batch.deleteHorizonMs().getAsLong() : "null")
          .append(",\"count\":").append(batch.countOrNull())
          .append(",\"records\":[");
      String separator = "\n ";
      for (Record record : batch) {
        out.append(separator).append("[").append(record.offset()).append(",").append(record.timestamp())
            .append(",").append(hex(record.key())).append(",").append(hex(record.value())).append(",[");
        List<String> headers = new ArrayList<>();
        for (Header header : record.headers()) {
          headers.add("[" + hex(ByteBuffer.wrap(bytes(header.key()))) + ","
              + hex(header.value() == null ? null : ByteBuffer.wrap(header.value())) + "]");
        }
        out.append(String.join(",", headers)).append("]]");
        separator = ",\n ";
      }
      out.append("]}");
    }
    return out.append("]\n").toString();
  }

  static String hex(ByteBuffer buffer) {
    if (buffer == null) return "null";
    // Of long ones only the size and the checksum, to keep the files small.
    if (buffer.remaining() > 48) return "\"" + buffer.remaining() + " bytes, crc32c " + Crc32C.compute(buffer, 0, buffer.remaining()) + "\"";
    StringBuilder out = new StringBuilder("\"");
    for (int index = buffer.position(); index < buffer.limit(); index++) {
      out.append(String.format("%02x", buffer.get(index)));
    }
    return out.append("\"").toString();
  }
}
