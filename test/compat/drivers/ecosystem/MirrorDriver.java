package compat;

import static compat.Kit.facts;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** MirrorMaker 2 between the broker and an Apache Kafka, both ways: `MirrorDriver HOST:PORT`. */
public final class MirrorDriver {
    private final Clients here;
    private final Clients there;

    private MirrorDriver(String bootstrap) {
        this.here = new Clients(bootstrap);
        this.there = new Clients(System.getenv("BUNKA_COMPAT_PEER"));
    }

    public static void main(String[] args) throws Exception {
        var driver = new MirrorDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("mirror", driver::mirror);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private App mirrorMaker() throws Exception {
        var folder = App.folder("mirror");
        var file = App.writeProperties(folder, "mm2.properties", List.of(
                "clusters = here, there", "here.bootstrap.servers = " + here.bootstrap,
                "there.bootstrap.servers = " + there.bootstrap,
                "here->there.enabled = true", "there->here.enabled = true",
                "topics = m-.*", "groups = m-.*", "replication.factor = 1",
                "checkpoints.topic.replication.factor = 1",
                "heartbeats.topic.replication.factor = 1",
                "offset-syncs.topic.replication.factor = 1",
                "offset.storage.replication.factor = 1", "status.storage.replication.factor = 1",
                "config.storage.replication.factor = 1", "offset.lag.max = 0",
                "refresh.topics.interval.seconds = 1", "refresh.groups.interval.seconds = 1",
                "emit.checkpoints.interval.seconds = 1", "emit.heartbeats.interval.seconds = 1",
                "sync.group.offsets.enabled = true", "sync.group.offsets.interval.seconds = 1",
                "sync.topic.configs.interval.seconds = 1", "offset.flush.interval.ms = 500",
                "offset.storage.partitions = 1", "status.storage.partitions = 1"));
        return new App("org.apache.kafka.connect.mirror.MirrorMaker", List.of(file.toString()));
    }

    private static void prepare(Clients from, String topic) throws Exception {
        from.createTopic(topic, 2, Map.of("retention.ms", "-1"));
        from.fill(topic, 2, 50, topic);
        from.admin.alterConsumerGroupOffsets("m-group-" + topic, Map.of(
                new TopicPartition(topic, 0), new OffsetAndMetadata(50),
                new TopicPartition(topic, 1), new OffsetAndMetadata(50))).all().get();
    }

    private static Object arrived(Clients from, Clients to, String topic, String mirrored)
            throws Exception {
        Kit.until(mirrored, () -> to.admin.listTopics().names().get().contains(mirrored)
                && new TransactionKit(to).view(mirrored, "read_committed").size() >= 120);
        var group = "m-group-" + topic;
        Kit.until("offsets of " + group, () -> new TransactionKit(to).committed(group, false)
                .toString().contains(mirrored));
        var sent = new TransactionKit(from).view(topic, "read_committed");
        var seen = new TransactionKit(to).view(mirrored, "read_committed");
        return facts("same", sent.equals(seen), "count", seen.size());
    }

    private Object mirror() throws Exception {
        prepare(here, "m-here");
        prepare(there, "m-there");
        try (var maker = mirrorMaker()) {
            Kit.until("both topics", () ->
                    there.admin.listTopics().names().get().contains("here.m-here")
                    && here.admin.listTopics().names().get().contains("there.m-there"));
            here.fill("m-here", 2, 10, "later");
            there.fill("m-there", 2, 10, "later");
            return facts("hereToThere", arrived(here, there, "m-here", "here.m-here"),
                    "thereToHere", arrived(there, here, "m-there", "there.m-there"),
                    "alive", maker.process.isAlive());
        }
    }
}
