package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;

/** The cluster, its topics and their partitions, through the Java admin client. */
final class TopicScenarios {
    private final Clients clients;
    private final Admin admin;

    TopicScenarios(Clients clients) {
        this.clients = clients;
        this.admin = clients.admin;
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("cluster", this::cluster);
        scenarios.put("features", this::features);
        scenarios.put("quorum", this::quorum);
        scenarios.put("topics-create", this::topicsCreate);
        scenarios.put("topics-errors", this::topicsErrors);
        scenarios.put("topics-delete", this::topicsDelete);
        scenarios.put("partitions-create", this::partitionsCreate);
        scenarios.put("delete-records", this::deleteRecords);
        scenarios.put("log-dirs", this::logDirs);
    }

    private Object cluster() throws Exception {
        var options = new DescribeClusterOptions().includeAuthorizedOperations(true);
        var cluster = admin.describeCluster(options);
        return facts(
                "nodes", cluster.nodes().get().stream().map(TopicScenarios::plain).toList(),
                "controller", plain(cluster.controller().get()),
                "clusterIdLength", cluster.clusterId().get().length(),
                "operations", Kit.sorted(cluster.authorizedOperations().get()));
    }

    private static String plain(Node node) {
        return node.id() + " " + node.host() + " rack " + node.rack() + " fenced "
                + node.isFenced();
    }

    /** The features that a broker cannot be without; the others come with what they stand for. */
    private Object features() throws Exception {
        var features = admin.describeFeatures().featureMetadata().get();
        var outcome = facts("hasEpoch", features.finalizedFeaturesEpoch().isPresent());
        for (var name : List.of("metadata.version", "kraft.version")) {
            outcome.put(name, features.finalizedFeatures().get(name) + " of "
                    + features.supportedFeatures().get(name));
        }
        return outcome;
    }

    private Object quorum() throws Exception {
        var quorum = admin.describeMetadataQuorum().quorumInfo().get();
        var self = quorum.voters().get(0);
        return facts(
                "leaderId", quorum.leaderId(),
                "leaderEpochIsPositive", quorum.leaderEpoch() > 0,
                "highWatermarkIsPositive", quorum.highWatermark() > 0,
                "voters", quorum.voters().stream().map(voter -> voter.replicaId()).toList(),
                "observers", quorum.observers().size(),
                "voterHasDirectory", !self.replicaDirectoryId().equals(Uuid.ZERO_UUID),
                "endEqualsHighWatermark", self.logEndOffset() >= quorum.highWatermark(),
                "nodes", quorum.nodes().keySet().toString(),
                "endpoints", quorum.nodes().get(1).endpoints().stream()
                        .map(endpoint -> endpoint.listener() + " " + endpoint.host()).toList());
    }

    private Object topicsCreate() throws Exception {
        var topics = List.of(
                new NewTopic("j-plain", 3, (short) 1),
                new NewTopic("j-defaults", Optional.empty(), Optional.empty()),
                new NewTopic("j-configs", 2, (short) 1).configs(Map.of(
                        "cleanup.policy", "compact", "segment.bytes", "1048576")),
                new NewTopic("j-manual", Map.of(0, List.of(1), 1, List.of(1))));
        var created = admin.createTopics(topics);
        created.all().get();
        var results = new TreeMap<String, Object>();
        for (var topic : topics) results.put(topic.name(), plainResult(created, topic.name()));
        var validate = new CreateTopicsOptions().validateOnly(true);
        var only = new NewTopic("j-only-validated", 2, (short) 1);
        var validated = admin.createTopics(List.of(only), validate);
        validated.all().get();
        var names = results.keySet();
        var withOperations = new DescribeTopicsOptions().includeAuthorizedOperations(true);
        var described = admin.describeTopics(names, withOperations).allTopicNames().get();
        return facts(
                "created", results,
                "validated", plainResult(validated, "j-only-validated"),
                "listed", listed("j-"),
                "described", names.stream().map(name -> plain(described.get(name))).toList(),
                "byId", byId(described.get("j-plain").topicId()));
    }

    private static Object plainResult(CreateTopicsResult result, String name) throws Exception {
        var configs = new TreeMap<String, String>();
        for (var entry : result.config(name).get().entries()) {
            configs.put(entry.name(), entry.value() + " " + entry.source());
        }
        var hasId = !result.topicId(name).get().equals(Uuid.ZERO_UUID);
        return facts("partitions", result.numPartitions(name).get(),
                "replicationFactor", result.replicationFactor(name).get(),
                "hasId", hasId, "configs", configs);
    }

    private List<String> listed(String prefix) throws Exception {
        var options = new ListTopicsOptions().listInternal(true);
        return admin.listTopics(options).listings().get().stream()
                .filter(topic -> topic.name().startsWith(prefix))
                .map(topic -> topic.name() + " internal " + topic.isInternal())
                .sorted()
                .toList();
    }

    private Object byId(Uuid id) throws Exception {
        var ids = TopicCollection.ofTopicIds(List.of(id));
        var found = admin.describeTopics(ids).allTopicIds().get();
        return found.get(id).name();
    }

    private static Object plain(TopicDescription topic) {
        return facts("name", topic.name(), "internal", topic.isInternal(),
                "operations", Kit.sorted(topic.authorizedOperations()),
                "partitions", topic.partitions().stream().map(TopicScenarios::plain).toList());
    }

    private static String plain(TopicPartitionInfo info) {
        return info.partition() + " leader " + info.leader().id()
                + " replicas " + ids(info.replicas())
                + " isr " + ids(info.isr()) + " elr " + ids(info.elr())
                + " lastKnownElr " + ids(info.lastKnownElr());
    }

    private static String ids(List<Node> nodes) {
        return nodes == null
                ? "unknown"
                : nodes.stream().map(Node::idString).collect(Collectors.joining(","));
    }

    private Object create(NewTopic topic) {
        return outcomeOf(() -> admin.createTopics(List.of(topic)).all().get());
    }

    private Object topicsErrors() throws Exception {
        create(new NewTopic("j-exists", 1, (short) 1));
        var config = new NewTopic("j-config", 1, (short) 1);
        return facts(
                "exists", create(new NewTopic("j-exists", 1, (short) 1)),
                "invalidName", create(new NewTopic("j/slash", 1, (short) 1)),
                "dots", create(new NewTopic("..", 1, (short) 1)),
                "tooLong", create(new NewTopic("x".repeat(250), 1, (short) 1)),
                "collides", create(new NewTopic("j.exists", 1, (short) 1)),
                "collidesTwice", create(new NewTopic("j_exists", 1, (short) 1)),
                "internalName", create(new NewTopic("__cluster_metadata", 1, (short) 1)),
                "zeroPartitions", create(new NewTopic("j-zero", 0, (short) 1)),
                "minusTwoPartitions", create(new NewTopic("j-minus", -2, (short) 1)),
                "replicationFactor", create(new NewTopic("j-factor", 1, (short) 3)),
                "zeroFactor", create(new NewTopic("j-factor", 1, (short) 0)),
                "unknownConfig", create(config.configs(Map.of("no.such.config", "1"))),
                "badConfig", create(config.configs(Map.of("retention.ms", "soon"))),
                "outOfRangeConfig", create(config.configs(Map.of("segment.bytes", "1"))),
                "badPolicy", create(config.configs(Map.of("cleanup.policy", "burn"))),
                "assignmentGap", create(new NewTopic("j-gap", Map.of(1, List.of(1)))),
                "unknownBroker", create(new NewTopic("j-who", Map.of(0, List.of(77)))),
                "duplicateReplica", create(new NewTopic("j-twice", Map.of(0, List.of(1, 1)))),
                "emptyReplicas", create(new NewTopic("j-none", Map.of(0, List.of()))));
    }

    private Object topicsDelete() throws Exception {
        clients.createTopic("j-delete-a", 1);
        clients.createTopic("j-delete-b", 1);
        var names = List.of("j-delete-b");
        var id = admin.describeTopics(names).allTopicNames().get().get("j-delete-b").topicId();
        admin.deleteTopics(List.of("j-delete-a")).all().get();
        var after = listed("j-delete-");
        admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
        clients.createTopic("j-delete-a", 2);
        return facts(
                "after", after,
                "afterById", listed("j-delete-"),
                "unknown", outcomeOf(() -> admin.deleteTopics(names).all().get()),
                "invalid", outcomeOf(() -> admin.deleteTopics(List.of("j/slash")).all().get()),
                "describe", outcomeOf(() -> admin.describeTopics(names).allTopicNames().get()),
                "unknownId", outcomeOf(() -> {
                    var ids = TopicCollection.ofTopicIds(List.of(new Uuid(1, 2)));
                    return admin.deleteTopics(ids).all().get();
                }));
    }

    private Object partitionsCreate() throws Exception {
        clients.createTopic("j-grow", 1);
        var validate = new CreatePartitionsOptions().validateOnly(true);
        var more = Map.of("j-grow", NewPartitions.increaseTo(5));
        return facts(
                "validated", outcomeOf(() -> admin.createPartitions(more, validate).all().get()),
                "grown", grow("j-grow", NewPartitions.increaseTo(3)),
                "partitions", clients.partitionsOf("j-grow").size(),
                "manual", grow("j-grow", NewPartitions.increaseTo(4, List.of(List.of(1)))),
                "fewer", grow("j-grow", NewPartitions.increaseTo(2)),
                "same", grow("j-grow", NewPartitions.increaseTo(4)),
                "unknown", grow("j-no-such-topic", NewPartitions.increaseTo(2)),
                "unknownBroker", grow("j-grow", NewPartitions.increaseTo(5, List.of(List.of(77)))),
                "tooFew", grow("j-grow", NewPartitions.increaseTo(6, List.of(List.of(1)))),
                "after", clients.partitionsOf("j-grow").size());
    }

    private Object grow(String topic, NewPartitions partitions) {
        return outcomeOf(() -> admin.createPartitions(Map.of(topic, partitions)).all().get());
    }

    private Object deleteRecords() throws Exception {
        var topic = "j-delete-records";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 10, "v");
        var cut = cut(topic, 0, 4);
        var left = clients.readAll(topic, 6).stream().map(Clients::shortly).toList();
        return facts(
                "cut", cut, "left", left,
                "lower", cut(topic, 0, 2),
                "behindEnd", cut(topic, 0, 11),
                "toEnd", cut(topic, 0, -1),
                "negative", cut(topic, 0, -2),
                "unknownTopic", cut("j-no-such-topic", 0, 1),
                "compacted", outcomeOf(() -> {
                    clients.createTopic("j-compacted", 1, Map.of("cleanup.policy", "compact"));
                    clients.send(List.of(Clients.record("j-compacted", 0, Kit.T0, "k", "v")));
                    return cut("j-compacted", 0, 1);
                }));
    }

    private Object cut(String topic, int partition, long offset) {
        var place = new TopicPartition(topic, partition);
        var cuts = Map.of(place, RecordsToDelete.beforeOffset(offset));
        // The client asks for an unknown topic until its time is over, so that is kept short.
        var options = new org.apache.kafka.clients.admin.DeleteRecordsOptions().timeoutMs(2000);
        return outcomeOf(() -> admin.deleteRecords(cuts, options).lowWatermarks().get(place).get()
                .lowWatermark());
    }

    private Object logDirs() throws Exception {
        var topic = "j-log-dirs";
        clients.createTopic(topic, 2);
        // One batch for each record, so that the sizes do not depend on how fast they were sent.
        for (int i = 0; i < 5; i++) {
            clients.send(List.of(Clients.record(topic, i % 2, Kit.T0 + i, "k" + i, "value " + i)));
        }
        var directories = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
        var sizes = new HashMap<String, Object>();
        for (var directory : directories.values()) {
            directory.replicaInfos().forEach((place, info) -> {
                if (!place.topic().equals(topic)) return;
                sizes.put(place.toString(), info.size() + " bytes, lag " + info.offsetLag()
                        + ", future " + info.isFuture());
            });
        }
        var first = directories.values().iterator().next();
        return facts("directories", directories.size(), "sizes", new TreeMap<>(sizes),
                "error", String.valueOf(first.error()),
                "hasTotal", first.totalBytes().isPresent() && first.totalBytes().getAsLong() > 0,
                "hasUsable", first.usableBytes().isPresent());
    }
}
