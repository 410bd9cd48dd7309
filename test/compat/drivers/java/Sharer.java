package compat;

import static compat.Kit.text;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a share group that writes down what comes: `0@3=value #2` for a second delivery. */
final class Sharer implements AutoCloseable {
    final KafkaShareConsumer<byte[], byte[]> consumer;
    /** Of the last poll. */
    List<ConsumerRecord<byte[], byte[]>> polled = List.of();

    Sharer(Clients clients, String group, String topic, Object... settings) {
        var all = new HashMap<String, Object>(Kit.facts("bootstrap.servers", clients.bootstrap,
                "group.id", group, "fetch.max.wait.ms", 50));
        all.putAll(Kit.facts(settings));
        consumer = new KafkaShareConsumer<>(
                all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic));
    }

    static Sharer explicit(Clients clients, String group, String topic, Object... settings) {
        var all = new ArrayList<Object>(List.of(settings));
        all.addAll(List.of("share.acknowledgement.mode", "explicit"));
        return new Sharer(clients, group, topic, all.toArray());
    }

    List<String> poll(int ms) {
        var records = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        consumer.poll(Duration.ofMillis(ms)).forEach(records::add);
        polled = records;
        return polled.stream().map(Sharer::shortly).toList();
    }

    /** Polls until something comes. */
    List<String> pollSome() throws Exception {
        var found = new ArrayList<String>();
        Kit.until("records", () -> found.addAll(poll(200)));
        return found;
    }

    /** Polls, and says the same of every record, until there are so many. */
    List<String> take(int count, AcknowledgeType type) throws Exception {
        var found = new ArrayList<String>();
        Kit.until(count + " records", () -> {
            found.addAll(poll(200));
            if (type != null) acknowledge(type);
            commit();
            return found.size() >= count;
        });
        return found.stream().sorted(IN_ORDER).toList();
    }

    /** What comes in a while, though nothing should. */
    List<String> listen(int ms) {
        var found = new ArrayList<String>();
        long end = System.nanoTime() + Duration.ofMillis(ms).toNanos();
        while (System.nanoTime() < end) found.addAll(poll(100));
        return found;
    }

    /** Of all records of the last poll. */
    void acknowledge(AcknowledgeType type) {
        for (var record : polled) consumer.acknowledge(record, type);
    }

    Map<String, String> commit() {
        var outcome = new TreeMap<String, String>();
        consumer.commitSync(Duration.ofSeconds(10)).forEach((partition, error) ->
                outcome.put(partition.topicPartition().toString(),
                        error.map(Kit::errorName).orElse("fine")));
        return outcome;
    }

    @Override
    public void close() {
        consumer.close();
    }

    static String shortly(ConsumerRecord<byte[], byte[]> record) {
        return record.partition() + "@" + record.offset() + "=" + text(record.value()) + " #"
                + record.deliveryCount().map(String::valueOf).orElse("?");
    }

    /** By partition and offset, as numbers. */
    private static final Comparator<String> IN_ORDER =
            Comparator.<String>comparingInt(line -> Integer.parseInt(line.split("[@=]")[0]))
                    .thenComparingInt(line -> Integer.parseInt(line.split("[@=]")[1]));
}
