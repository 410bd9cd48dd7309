package compat;

import static compat.Kit.T0;
import static compat.Kit.facts;

import java.nio.file.Files;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;

/** Apache Kafka's own command-line tools: `ToolsDriver HOST:PORT [SCENARIO]...`. */
public final class ToolsDriver {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private static final String TOPICS = TOOLS + "TopicCommand";
    private static final String CONFIGS = "kafka.admin.ConfigCommand";
    private static final String GROUPS = TOOLS + "consumer.group.ConsumerGroupCommand";
    private static final String CONSUMER = TOOLS + "consumer.ConsoleConsumer";
    private static final String PRODUCER = TOOLS + "ConsoleProducer";

    /** The APIs that the first release has; the others join this list with what they belong to. */
    private static final Set<String> APIS = Set.of("Produce", "Fetch", "ListOffsets", "Metadata",
            "OffsetCommit", "OffsetFetch", "FindCoordinator", "JoinGroup", "Heartbeat",
            "LeaveGroup", "SyncGroup", "DescribeGroups", "ListGroups", "ApiVersions",
            "CreateTopics", "DeleteTopics", "DeleteRecords", "InitProducerId",
            "OffsetForLeaderEpoch", "DescribeConfigs", "AlterConfigs", "IncrementalAlterConfigs", "DescribeLogDirs",
            "CreatePartitions", "DeleteGroups", "OffsetDelete", "DescribeCluster",
            "DescribeProducers", "ListConfigResources", "DescribeTopicPartitions",
            "DescribeQuorum", "UpdateFeatures");

    private final Clients clients;
    private final Tools tools;

    private ToolsDriver(String bootstrap) {
        this.clients = new Clients(bootstrap);
        this.tools = new Tools(bootstrap);
    }

    public static void main(String[] args) throws Exception {
        var driver = new ToolsDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("api-versions", driver::apiVersions);
        scenarios.put("cluster", driver::cluster);
        scenarios.put("topics-create", driver::topics);
        scenarios.put("topics-errors", driver::topicErrors);
        scenarios.put("configs-topic", driver::topicConfigs);
        scenarios.put("configs-broker", driver::brokerConfigs);
        scenarios.put("produce-consume", driver::console);
        scenarios.put("codecs", driver::codecs);
        scenarios.put("offsets", driver::offsets);
        scenarios.put("delete-records", driver::deleteRecords);
        scenarios.put("log-dirs", driver::logDirs);
        scenarios.put("performance", driver::performance);
        scenarios.put("verifiable", driver::verifiable);
        scenarios.put("group-single", driver::groupSingle);
        scenarios.put("group-offsets", driver::groupOffsets);
        scenarios.put("group-admin", driver::groupAdmin);
        scenarios.put("consumer-offsets", driver::consumerOffsets);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private Object apiVersions() throws Exception {
        var result = tools.run(TOOLS + "BrokerApiVersionsCommand");
        var versions = new TreeMap<String, String>();
        var line = Pattern.compile("\\s*(\\w+)\\((\\d+)\\): (.*?)( \\[usable.*)?,?");
        result.out().lines().forEach(text -> {
            var match = line.matcher(text);
            if (match.matches() && APIS.contains(match.group(1))) {
                versions.put(match.group(1), match.group(3));
            }
        });
        return facts("code", result.code(), "versions", versions);
    }

    private Object cluster() throws Exception {
        var id = Tools.runPlain(TOOLS + "ClusterTool", "", "cluster-id", "--bootstrap-server",
                clients.bootstrap);
        var quorum = tools.run(TOOLS + "MetadataQuorumCommand", "describe", "--status");
        var status = Tools.plainLines(quorum.out()).stream()
                .map(line -> line.replaceAll(": \\d{2,}$", ": N").replaceAll("\"directoryId\": "
                        + "\"\\S{22}\"", "\"directoryId\": \"ID\""))
                .filter(line -> !line.startsWith("ClusterId"))
                .filter(line -> !line.startsWith("HighWatermark"))
                .map(line -> line.replaceAll("LeaderEpoch: \\d+", "LeaderEpoch: N"))
                .toList();
        return facts("id", id.out().replaceAll("\\S{22}", "ID").strip(), "quorum", status,
                "quorumErr", Tools.plainLines(quorum.err()));
    }

    private Object topic(String... arguments) throws Exception {
        return tools.run(TOPICS, arguments).plain();
    }

    private Object topics() throws Exception {
        var outcome = facts("create", topic("--create", "--topic", "t-plain", "--partitions", "3"));
        outcome.put("withConfig", topic("--create", "--topic", "t-config", "--config",
                "cleanup.policy=compact", "--config", "segment.bytes=1048576"));
        outcome.put("manual",
                topic("--create", "--topic", "t-manual", "--replica-assignment", "1,1"));
        outcome.put("list", topic("--list"));
        outcome.put("describe", tools.run(TOPICS, "--describe").sorted());
        outcome.put("describeOne", topic("--describe", "--topic", "t-config"));
        outcome.put("overrides", tools.run(TOPICS, "--describe",
                "--topics-with-overrides").sorted());
        outcome.put("underReplicated", topic("--describe", "--under-replicated-partitions"));
        outcome.put("grow", topic("--alter", "--topic", "t-plain", "--partitions", "5"));
        outcome.put("grown", topic("--describe", "--topic", "t-plain"));
        outcome.put("delete", topic("--delete", "--topic", "t-manual"));
        outcome.put("after", topic("--list"));
        return outcome;
    }

    private Object topicErrors() throws Exception {
        topic("--create", "--topic", "t-exists");
        return facts(
                "exists", topic("--create", "--topic", "t-exists"),
                "ifNotExists", topic("--create", "--topic", "t-exists", "--if-not-exists"),
                "badName", topic("--create", "--topic", "t/slash"),
                "factor", topic("--create", "--topic", "t-factor", "--replication-factor", "3"),
                "badConfig", topic("--create", "--topic", "t-bad", "--config", "retention.ms=soon"),
                "fewer", topic("--alter", "--topic", "t-exists", "--partitions", "1"),
                "alterUnknown", topic("--alter", "--topic", "t-unknown", "--partitions", "2"),
                "deleteUnknown", topic("--delete", "--topic", "t-unknown"),
                "describeUnknown", topic("--describe", "--topic", "t-unknown"));
    }

    private Object config(String... arguments) throws Exception {
        return tools.run(CONFIGS, arguments).plain();
    }

    private Object topicConfigs() throws Exception {
        topic("--create", "--topic", "t-configs", "--config", "retention.ms=1000000");
        var of = new String[] {"--entity-type", "topics", "--entity-name", "t-configs"};
        return facts(
                "describe", config(with(of, "--describe")),
                "describeAll", config(with(of, "--describe", "--all")),
                "add", config(with(of, "--alter", "--add-config",
                        "max.message.bytes=2000,cleanup.policy=[compact,delete]")),
                "added", config(with(of, "--describe")),
                "delete", config(with(of, "--alter", "--delete-config", "retention.ms")),
                "deleted", config(with(of, "--describe")),
                "bad", config(with(of, "--alter", "--add-config", "retention.ms=soon")),
                "unknown", config(with(of, "--alter", "--add-config", "no.such=1")),
                "deleteUnset", config(with(of, "--alter", "--delete-config", "flush.ms")),
                "unknownTopic", config("--entity-type", "topics", "--entity-name", "t-unknown",
                        "--describe"));
    }

    private static String[] with(String[] first, String... more) {
        var all = Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return all;
    }

    /** A broker hears of its new config a moment after the controller has answered. */
    private Object describeUntil(String[] of, String text) throws Exception {
        var last = new Tools.Result[1];
        Kit.until(text, () -> {
            last[0] = tools.run(CONFIGS, with(of, "--describe"));
            return last[0].out().contains(text);
        });
        return last[0].plain();
    }

    private Object brokerConfigs() throws Exception {
        var of = new String[] {"--entity-type", "brokers", "--entity-name", "1"};
        var ofAll = new String[] {"--entity-type", "brokers", "--entity-default"};
        return facts(
                "describe", config(with(of, "--describe")),
                "describeDefault", config(with(ofAll, "--describe")),
                "add", config(with(of, "--alter", "--add-config", "log.cleaner.threads=2")),
                "added", describeUntil(of, "log.cleaner.threads=2"),
                "delete", config(with(of, "--alter", "--delete-config", "log.cleaner.threads")),
                "readOnly", config(with(of, "--alter", "--add-config", "node.id=7")));
    }

    private Tools.Result consume(String topic, int count, String... more) throws Exception {
        var arguments = new String[] {"--topic", topic, "--max-messages", "" + count,
            "--timeout-ms", "10000", "--formatter-property", "print.key=true",
            "--formatter-property", "print.offset=true", "--formatter-property",
            "print.partition=true", "--formatter-property", "print.headers=true"};
        return tools.run(CONSUMER, with(arguments, more));
    }

    private Object console() throws Exception {
        topic("--create", "--topic", "t-console", "--partitions", "1");
        var input = "h:1,i:2\tk0:v0\nNULL\tk1:значение 🐦\nh:NULL\tNULL:x\nh:\tk3:NULL\n";
        var produced = tools.runWithInput(PRODUCER, input, "--topic", "t-console",
                "--reader-property", "parse.key=true",
                "--reader-property", "key.separator=:", "--reader-property", "parse.headers=true",
                "--reader-property", "null.marker=NULL");
        var plain = tools.runWithInput(PRODUCER, "one\ntwo\n", "--topic", "t-console", "--sync");
        return facts("produced", produced.plain(), "plain", plain.plain(),
                "all", consume("t-console", 6, "--from-beginning").plain(),
                "fromOffset", consume("t-console", 2, "--partition", "0", "--offset", "3").plain(),
                "unknown", tools.runWithInput(PRODUCER, "x\n", "--topic", "t/slash").code());
    }

    private Object codecs() throws Exception {
        var outcome = facts();
        for (var codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            var name = "t-codec-" + codec;
            topic("--create", "--topic", name);
            tools.runWithInput(PRODUCER, "some text ".repeat(100) + "\nshort\n", "--topic", name,
                    "--compression-codec", codec);
            var read = consume(name, 2, "--from-beginning");
            outcome.put(codec, facts("lines", read.out().lines().count(),
                    "digest", Kit.digest(Tools.plainLines(read.out()))));
        }
        return outcome;
    }

    private Object offsets() throws Exception {
        clients.createTopic("t-offsets", 2);
        clients.fill("t-offsets", 2, 10, "v");
        var outcome = facts();
        for (var time : List.of("-1", "-2", "-3", "-4", "-5", "latest", "earliest",
                "max-timestamp", String.valueOf(T0 + 2500), String.valueOf(T0 + 99_000))) {
            var arguments = new String[] {"--topic", "t-offsets", "--time", time};
            var result = tools.run(TOOLS + "GetOffsetShell", arguments);
            outcome.put(time, result.plain());
        }
        outcome.put("partition", tools.run(TOOLS + "GetOffsetShell", "--topic-partitions",
                "t-offsets:1").plain());
        outcome.put("unknown", tools.run(TOOLS + "GetOffsetShell", "--topic", "t-unknown").plain());
        return outcome;
    }

    private Object deleteRecords() throws Exception {
        clients.createTopic("t-delete-records", 2);
        clients.fill("t-delete-records", 2, 10, "v");
        var place = "{\"topic\": \"t-delete-records\", \"partition\": %d, \"offset\": %d}";
        var json = "{\"version\": 1, \"partitions\": [" + place.formatted(0, 4) + ", "
                + place.formatted(1, -1) + "]}";
        var file = Files.createTempFile("bunka-compat", ".json");
        Files.writeString(file, json);
        try {
            var arguments = new String[] {"--offset-json-file", file.toString()};
            var cut = tools.run(TOOLS + "DeleteRecordsCommand", arguments);
            return facts("cut", cut.sorted(), "earliest", tools.run(TOOLS + "GetOffsetShell",
                    "--topic", "t-delete-records", "--time", "-2").plain());
        } finally {
            Files.delete(file);
        }
    }

    private Object logDirs() throws Exception {
        clients.createTopic("t-log-dirs", 2);
        clients.send(List.of(Clients.record("t-log-dirs", 0, T0, "k", "v")));
        var arguments = new String[] {"--describe", "--topic-list", "t-log-dirs"};
        var result = tools.run(TOOLS + "LogDirsCommand", arguments);
        return Tools.plainLines(result.out()).stream()
                .map(line -> line.replaceAll("\"logDir\":\"[^\"]*\"", "\"logDir\":DIR"))
                .map(line -> line.replaceAll("(\\w+Bytes)\":\\d+", "$1\":N"))
                .map(line -> line.replaceAll("TIME", "N"))
                .toList();
    }

    private Object performance() throws Exception {
        topic("--create", "--topic", "t-performance", "--partitions", "4");
        var produced = tools.run(TOOLS + "ProducerPerformance", "--topic", "t-performance",
                "--num-records", "20000", "--record-size", "100", "--throughput", "-1");
        var summary = Tools.plainLines(produced.out());
        var consumed = tools.run(TOOLS + "ConsumerPerformance", "--topic", "t-performance",
                "--num-records", "20000", "--timeout", "20000");
        var row = consumed.out().lines().filter(line -> line.contains(", ")).toList();
        var columns = row.get(row.size() - 1).split(", ");
        return facts("produceCode", produced.code(),
                "sent", summary.get(summary.size() - 1).replaceAll(" sent,.*", " sent"),
                "consumeCode", consumed.code(), "MB", columns[2], "records", columns[4]);
    }

    private Object verifiable() throws Exception {
        topic("--create", "--topic", "t-verifiable");
        var produced = tools.runApart(TOOLS + "VerifiableProducer", "--topic", "t-verifiable",
                "--max-messages", "10", "--acks", "-1", "--value-prefix", "7",
                "--message-create-time", String.valueOf(T0));
        var consumed = tools.runApart(TOOLS + "VerifiableConsumer", "--topic", "t-verifiable",
                "--group-id", "t-verifiable-group", "--max-messages", "10",
                "--reset-policy", "earliest", "--verbose");
        var next = tools.runApart(TOOLS + "VerifiableConsumer", "--topic", "t-verifiable",
                "--group-id", "t-verifiable-next", "--max-messages", "10",
                "--group-protocol", "consumer", "--reset-policy", "earliest", "--verbose");
        return facts("produced", verifiableLines(produced), "consumed", verifiableLines(consumed),
                "consumedNext", verifiableLines(next));
    }

    /** The events of a verifiable tool without its measurements. */
    private static List<String> verifiableLines(Tools.Result result) {
        return Tools.plainLines(result.out()).stream()
                .filter(line -> !line.contains("tool_data"))
                // How many records come with a poll, and how often is committed, is chance.
                .filter(line -> !line.contains("records_consumed\""))
                .filter(line -> !line.contains("_committed"))
                .map(line -> line.replaceAll("\"timestamp\":TIME,?", ""))
                .sorted()
                .toList();
    }

    /** Runs `work` while a member of the group is at work in another thread. */
    private Object whileConsuming(String group, String topic, Kit.Scenario work) throws Exception {
        var stop = new AtomicBoolean();
        var joined = new CountDownLatch(1);
        var thread = new Thread(() -> {
            try (var consumer = clients.consumer("group.id", group, "client.id", "compat")) {
                consumer.subscribe(List.of(topic));
                while (!stop.get()) {
                    consumer.poll(Duration.ofMillis(50));
                    if (consumer.assignment().isEmpty()) continue;
                    consumer.commitSync();
                    joined.countDown();
                }
            }
        });
        thread.start();
        try {
            joined.await();
            return work.call();
        } finally {
            stop.set(true);
            thread.join();
        }
    }

    private Object group(String... arguments) throws Exception {
        return tools.run(GROUPS, arguments).plain();
    }

    private Object groupSingle() throws Exception {
        clients.createTopic("t-group", 2);
        clients.fill("t-group", 2, 3, "v");
        var during = whileConsuming("t-group", "t-group", () -> facts(
                "offsets", group("--describe", "--group", "t-group"),
                "members", group("--describe", "--group", "t-group", "--members", "--verbose"),
                "state", group("--describe", "--group", "t-group", "--state"),
                "reset", group("--reset-offsets", "--group", "t-group", "--to-earliest",
                        "--topic", "t-group", "--execute"),
                "delete", group("--delete", "--group", "t-group")));
        return facts("during", during,
                "after", group("--describe", "--group", "t-group"),
                "afterState", group("--describe", "--group", "t-group", "--state"),
                "delete", group("--delete", "--group", "t-group"),
                "describeDeleted", group("--describe", "--group", "t-group"));
    }

    private Object reset(String... how) throws Exception {
        var arguments = new String[] {"--reset-offsets", "--group", "t-reset", "--topic",
            "t-reset:0,1", "--execute"};
        return tools.run(GROUPS, with(arguments, how)).sorted();
    }

    private Object groupOffsets() throws Exception {
        clients.createTopic("t-reset", 2);
        clients.fill("t-reset", 2, 10, "v");
        return facts(
                "earliest", reset("--to-earliest"),
                "latest", reset("--to-latest"),
                "offset", reset("--to-offset", "4"),
                "shift", reset("--shift-by", "-2"),
                "beyond", reset("--to-offset", "99"),
                "datetime", reset("--to-datetime", "2023-11-14T22:13:25.000"),
                "current", reset("--to-current"),
                "describe", tools.run(GROUPS, "--describe", "--group", "t-reset").sorted(),
                "deleteOffsets", group("--delete-offsets", "--group", "t-reset", "--topic",
                        "t-reset:1"),
                "afterDelete", group("--describe", "--group", "t-reset"),
                "deleteUnknown", group("--delete-offsets", "--group", "t-unknown", "--topic",
                        "t-reset"));
    }

    private Object groupAdmin() throws Exception {
        return facts(
                "list", tools.run(GROUPS, "--list").sorted(),
                "listState", tools.run(GROUPS, "--list", "--state").sorted(),
                "listType", tools.run(GROUPS, "--list", "--type").sorted(),
                "groups", tools.run(TOOLS + "GroupsCommand", "--list").sorted(),
                "deleteUnknown", group("--delete", "--group", "t-unknown"),
                "delete", group("--delete", "--group", "t-verifiable-group"),
                "describeUnknown", group("--describe", "--group", "t-unknown"));
    }

    /** The records that the groups of before left in __consumer_offsets, as Kafka decodes them. */
    private Object consumerOffsets() throws Exception {
        var outcome = facts();
        for (var formatter : List.of("OffsetsMessageFormatter", "GroupMetadataMessageFormatter")) {
            var result = tools.run(CONSUMER, "--topic", "__consumer_offsets", "--from-beginning",
                    "--timeout-ms", "1500", "--formatter", TOOLS + "consumer." + formatter);
            var lines = Tools.plainLines(result.out()).stream()
                    .filter(line -> line.contains("t-reset") || line.contains("t-group"))
                    .distinct()
                    .sorted()
                    .toList();
            outcome.put(formatter, lines);
        }
        return outcome;
    }
}
