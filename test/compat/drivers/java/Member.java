package compat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;

/** A consumer in a group, with the partitions it holds and what happened to it. */
final class Member implements AutoCloseable, ConsumerRebalanceListener {
    final KafkaConsumer<byte[], byte[]> consumer;
    final Set<Integer> held = new TreeSet<>();
    final Set<String> heldTopics = new TreeSet<>();
    final List<String> events = new ArrayList<>();
    final List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();

    Member(Clients clients, String group, String topic, Object... settings) {
        this(clients, group, settings);
        consumer.subscribe(List.of(topic), this);
    }

    private Member(Clients clients, String group, Object[] settings) {
        var all = new ArrayList<Object>(List.of("group.id", group, "client.id", "compat"));
        all.addAll(List.of(settings));
        consumer = clients.consumer(all.toArray());
    }

    /** A member of the consumer protocol whose topics the broker finds by a pattern. */
    static Member ofPattern(Clients clients, String group, String pattern) {
        var member = new Member(clients, group, new Object[] {"group.protocol", "consumer"});
        member.consumer.subscribe(new SubscriptionPattern(pattern), member);
        return member;
    }

    void poll() {
        consumer.poll(Duration.ofMillis(50)).forEach(records::add);
    }

    /** Polls the members in turn, as each would in a process of its own. */
    static void pollUntil(String what, Kit.Condition condition, Member... members)
            throws Exception {
        Kit.until(what, () -> {
            for (var member : members) member.poll();
            return condition.holds();
        });
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        partitions.forEach(place -> held.add(place.partition()));
        partitions.forEach(place -> heldTopics.add(place.topic()));
        events.add("assigned " + numbers(partitions));
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        partitions.forEach(place -> held.remove(place.partition()));
        partitions.forEach(place -> heldTopics.remove(place.topic()));
        events.add("revoked " + numbers(partitions));
    }

    List<String> places() {
        return records.stream().map(Clients::shortly).sorted().toList();
    }

    @Override
    public void close() {
        consumer.close();
    }

    static String numbers(Collection<TopicPartition> partitions) {
        var found = partitions.stream().map(TopicPartition::partition).toList();
        return new TreeSet<>(found).toString();
    }
}
