package compat;

import static compat.Clients.record;
import static compat.Kit.T0;
import static compat.Kit.facts;

import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** Fills a broker with the same bytes in every run, for DumpDriver to read after it has stopped. */
public final class DumpFill {
    private final Clients clients;

    private DumpFill(Clients clients) {
        this.clients = clients;
    }

    public static void main(String[] args) throws Exception {
        var fill = new DumpFill(new Clients(args[0]));
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("fill-records", fill::records);
        scenarios.put("fill-segments", fill::segments);
        scenarios.put("fill-group", fill::group);
        scenarios.put("fill-topics", fill::topics);
        scenarios.put("fill-transactions", fill::transactions);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private Object records() throws Exception {
        clients.createTopic("d-plain", 2);
        var withHeaders = record("d-plain", 0, T0, "k0", "v0");
        withHeaders.headers().add("h", Clients.bytes("1"));
        var plain = new Object[] {"enable.idempotence", false};
        var sent = facts("first", clients.send(List.of(withHeaders), plain));
        var tombstone = record("d-plain", 0, T0 + 1, "k1", null);
        sent.put("tombstone", clients.send(List.of(tombstone), plain));
        sent.put("noKey", clients.send(List.of(record("d-plain", 1, T0 + 2, null, "v2"))));
        for (var codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            var topic = "d-" + codec;
            clients.createTopic(topic, 1);
            for (int i = 0; i < 3; i++) {
                var text = "the same words again and again ".repeat(20 + i);
                sent.put(codec + i, clients.send(List.of(record(topic, 0, T0 + i, "k" + i, text)),
                        "compression.type", codec));
            }
        }
        clients.createTopic("d-cut", 1);
        clients.fill("d-cut", 1, 1, "a");
        clients.fill("d-cut", 1, 1, "b");
        var cut = Map.of(new TopicPartition("d-cut", 0), RecordsToDelete.beforeOffset(1));
        clients.admin.deleteRecords(cut).all().get();
        return sent;
    }

    /** One producer, one batch a record: several segments with entries in both indexes. */
    private Object segments() throws Exception {
        clients.createTopic("d-segments", 1, Map.of("segment.bytes", "1048576"));
        var last = "";
        try (var producer = clients.producer()) {
            for (int i = 0; i < 40; i++) {
                var value = Kit.filled(65_000, i);
                // Time goes back now and then, which the time index must not follow.
                var timestamp = T0 + (i % 5 == 4 ? -1 : i) * 1000L;
                var record = new ProducerRecord<>("d-segments", 0, timestamp, (byte[]) null, value);
                last = Clients.place(producer.send(record).get());
            }
        }
        return last;
    }

    private Object group() throws Exception {
        clients.createTopic("d-group", 2);
        clients.fill("d-group", 2, 3, "v");
        try (var consumer = clients.consumer("group.id", "d-group", "client.id", "compat")) {
            consumer.subscribe(List.of("d-group"));
            Clients.pollUntil(consumer, 6);
            consumer.commitSync();
        }
        var place = new TopicPartition("d-group", 1);
        clients.admin.alterConsumerGroupOffsets("d-by-hand",
                Map.of(place, new OffsetAndMetadata(2, "by hand"))).all().get();
        clients.admin.alterConsumerGroupOffsets("d-deleted",
                Map.of(place, new OffsetAndMetadata(1))).all().get();
        clients.admin.deleteConsumerGroups(List.of("d-deleted")).all().get();
        return "done";
    }

    /** Of both outcomes, side by side, with offsets, and one that is open at the end. */
    private Object transactions() throws Exception {
        clients.createTopic("tx-a", 2);
        var kit = new TransactionKit(clients);
        var one = kit.producer("tx-one");
        for (var value : List.of("committed", "aborted", "with offsets")) {
            one.beginTransaction();
            TransactionKit.send(one, "tx-a", 2, value);
            if (value.equals("with offsets")) {
                one.sendOffsetsToTransaction(
                        Map.of(new TopicPartition("tx-a", 0), new OffsetAndMetadata(2)),
                        new ConsumerGroupMetadata("tx-group"));
            }
            if (value.equals("aborted")) one.abortTransaction();
            else one.commitTransaction();
            kit.untilState("tx-one", "Complete.*");
        }
        var two = kit.producer("tx-two");
        two.beginTransaction();
        TransactionKit.send(two, "tx-a", 1, "two is aborted");
        one.beginTransaction();
        TransactionKit.send(one, "tx-a", 2, "one is committed");
        two.abortTransaction();
        kit.untilState("tx-two", "Complete.*");
        one.commitTransaction();
        kit.untilState("tx-one", "Complete.*");
        one.close();
        two.beginTransaction();
        TransactionKit.send(two, "tx-a", 2, "open");
        two.close(Duration.ZERO);
        return kit.views("tx-a");
    }

    private Object topics() throws Exception {
        clients.createTopic("d-removed", 1);
        clients.admin.deleteTopics(List.of("d-removed")).all().get();
        clients.createTopic("d-configured", 3, Map.of("cleanup.policy", "compact"));
        return "done";
    }
}
