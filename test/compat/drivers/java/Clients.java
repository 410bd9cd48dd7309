package compat;

import static compat.Kit.facts;
import static compat.Kit.text;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Makes the clients of one broker, and the steps that many scenarios take with them. */
final class Clients {
    final String bootstrap;
    final Admin admin;

    Clients(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    KafkaProducer<byte[], byte[]> producer(Object... settings) {
        var all = settings(settings);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaConsumer<byte[], byte[]> consumer(Object... settings) {
        var all = settings("auto.offset.reset", "earliest", "fetch.max.wait.ms", 50,
                "heartbeat.interval.ms", 200, "session.timeout.ms", 10_000);
        all.putAll(settings(settings));
        // In the consumer protocol the broker says how often, and how long.
        if ("consumer".equals(all.get("group.protocol"))) {
            all.keySet().removeAll(List.of("heartbeat.interval.ms", "session.timeout.ms"));
        }
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private Map<String, Object> settings(Object... namesAndValues) {
        var all = new HashMap<String, Object>(facts(namesAndValues));
        all.put("bootstrap.servers", bootstrap);
        return all;
    }

    void createTopic(String topic, int partitions) throws Exception {
        createTopic(topic, partitions, Map.of());
    }

    /** Creates a topic and waits until its partitions answer. */
    void createTopic(String topic, int partitions, Map<String, String> configs) throws Exception {
        var newTopic = new NewTopic(topic, Optional.of(partitions), Optional.empty());
        admin.createTopics(List.of(newTopic.configs(configs))).all().get();
        // Kafka shows a new topic in its metadata a moment before the partitions take records.
        var ends = new HashMap<TopicPartition, OffsetSpec>();
        for (int i = 0; i < partitions; i++) {
            ends.put(new TopicPartition(topic, i), OffsetSpec.latest());
        }
        Kit.until(topic, () -> Kit.succeeds(() -> admin.listOffsets(ends).all().get()));
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int partition, long timestamp,
            String key, String value) {
        return new ProducerRecord<>(topic, partition, timestamp, bytes(key), bytes(value));
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    List<String> send(List<ProducerRecord<byte[], byte[]>> records, Object... settings)
            throws Exception {
        try (var producer = producer(settings)) {
            var futures = records.stream().map(producer::send).toList();
            producer.flush();
            var places = new ArrayList<String>();
            for (var future : futures) places.add(place(future.get()));
            return places;
        }
    }

    static String place(RecordMetadata metadata) {
        var timestamp = metadata.hasTimestamp() ? metadata.timestamp() : -1;
        return metadata.partition() + "@" + metadata.offset() + " t" + timestamp;
    }

    /** `perPartition` records to each partition: `prefix0`, `prefix1`... a second apart. */
    void fill(String topic, int partitions, int perPartition, String prefix) throws Exception {
        var records = new ArrayList<ProducerRecord<byte[], byte[]>>();
        for (int partition = 0; partition < partitions; partition++) {
            for (int i = 0; i < perPartition; i++) {
                records.add(record(topic, partition, Kit.T0 + i * 1000L, null, prefix + i));
            }
        }
        // They go when the producer is flushed: one batch for each partition.
        send(records, "linger.ms", 5000);
    }

    List<TopicPartition> partitionsOf(String topic) throws Exception {
        var description = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        return description.partitions().stream()
                .map(info -> new TopicPartition(topic, info.partition()))
                .toList();
    }

    /** Reads all partitions from the beginning until there are `count` records. */
    List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int count, Object... settings)
            throws Exception {
        try (var consumer = consumer(settings)) {
            var partitions = partitionsOf(topic);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            return pollUntil(consumer, count);
        }
    }

    static List<ConsumerRecord<byte[], byte[]>> pollUntil(
            KafkaConsumer<byte[], byte[]> consumer, int count) throws Exception {
        var records = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        Kit.until(count + " records", () -> {
            consumer.poll(Duration.ofMillis(100)).forEach(records::add);
            return records.size() >= count;
        });
        records.sort(Comparator.<ConsumerRecord<byte[], byte[]>>comparingInt(r -> r.partition())
                .thenComparingLong(r -> r.offset()));
        return records;
    }

    static Map<String, Object> plain(ConsumerRecord<byte[], byte[]> record) {
        var headers = new ArrayList<List<String>>();
        for (var header : record.headers()) {
            headers.add(java.util.Arrays.asList(header.key(), text(header.value())));
        }
        return facts("place", record.partition() + "@" + record.offset(),
                "key", text(record.key()), "value", text(record.value()),
                "timestamp", record.timestampType() + " " + record.timestamp(),
                "leaderEpoch", record.leaderEpoch().orElse(-1), "headers", headers);
    }

    static String shortly(ConsumerRecord<byte[], byte[]> record) {
        return record.partition() + "@" + record.offset() + "=" + text(record.value());
    }
}
