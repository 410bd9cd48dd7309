package compat;

import static compat.Kit.T0;
import static compat.Kit.facts;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;

/** The rest of Apache Kafka's tools for administrators: `AdminToolsDriver HOST:PORT [SCENARIO]...`. */
public final class AdminToolsDriver {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private static final String CONFIGS = "kafka.admin.ConfigCommand";
    private static final String REASSIGN = TOOLS + "reassign.ReassignPartitionsCommand";

    private final Clients clients;
    private final Tools tools;
    private final String bootstrap;

    private AdminToolsDriver(String bootstrap) {
        this.bootstrap = bootstrap;
        this.clients = new Clients(bootstrap);
        this.tools = new Tools(bootstrap);
    }

    public static void main(String[] args) throws Exception {
        var driver = new AdminToolsDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("acls", driver::acls);
        scenarios.put("delegation-tokens", driver::delegationTokens);
        scenarios.put("scram", driver::scram);
        scenarios.put("features", driver::features);
        scenarios.put("log-dirs-move", driver::logDirsMove);
        scenarios.put("reassign", driver::reassign);
        scenarios.put("elections", driver::elections);
        scenarios.put("client-metrics", driver::clientMetrics);
        scenarios.put("configs-group", driver::groupConfigs);
        scenarios.put("configs-loggers", driver::loggers);
        scenarios.put("configs-broker-dynamic", driver::dynamicConfigs);
        scenarios.put("quotas", driver::quotas);
        scenarios.put("quorum", driver::quorum);
        scenarios.put("cluster", driver::cluster);
        scenarios.put("get-offsets", driver::getOffsets);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private Object tool(String mainClass, String... arguments) throws Exception {
        return plain(tools.run(mainClass, arguments));
    }

    private static Object plain(Tools.Result result) {
        return facts("code", result.code(), "out", lines(result.out()), "err", lines(result.err()));
    }

    private static List<String> lines(String text) {
        return Tools.plainLines(text).stream()
                .map(line -> line.replaceAll("/\\S*/data/(\\w+)", "DATA/$1"))
                .map(line -> line.replaceAll("\\b[\\w-]{22}(?=[\\s\\])]|$)", "ID"))
                .map(line -> line.replaceAll("Epoch: \\d+", "Epoch: N"))
                // They count all clients before, of whichever scenarios were run.
                .map(line -> line.replaceAll("adminclient-\\d+", "adminclient-N"))
                .map(line -> line.replaceAll("127\\.0\\.0\\.1\\s+\\d+", "ADDRESS"))
                .toList();
    }

    private Object config(String... arguments) throws Exception {
        return tool(CONFIGS, arguments);
    }

    private Object acls() throws Exception {
        var acls = TOOLS + "AclCommand";
        return facts(
                "add", tool(acls, "--add", "--allow-principal", "User:ada", "--operation", "Read",
                        "--topic", "t"),
                "list", tool(acls, "--list"),
                "remove", tool(acls, "--remove", "--force", "--topic", "t"));
    }

    private Object delegationTokens() throws Exception {
        var empty = Files.createTempFile("empty", ".properties");
        var tokens = TOOLS + "DelegationTokenCommand";
        return facts(
                "describe", tool(tokens, "--describe", "--command-config", empty.toString()),
                "create", tool(tokens, "--create", "--max-life-time-period", "-1",
                        "--renewer-principal", "User:bob", "--command-config", empty.toString()));
    }

    private Object scram() throws Exception {
        var of = new String[] {"--entity-type", "users", "--entity-name"};
        return facts(
                "add", config(with(of, "ada", "--alter", "--add-config",
                        "SCRAM-SHA-256=[iterations=5000,password=secret],SCRAM-SHA-512=[password=x]")),
                "few", config(with(of, "ada", "--alter", "--add-config",
                        "SCRAM-SHA-256=[iterations=100,password=secret]")),
                "describe", config(with(of, "ada", "--describe")),
                "all", config("--entity-type", "users", "--describe"),
                "unknown", config(with(of, "nobody", "--describe")),
                "delete", config(with(of, "ada", "--alter", "--delete-config", "SCRAM-SHA-512")),
                "deleteAgain",
                config(with(of, "ada", "--alter", "--delete-config", "SCRAM-SHA-512")),
                "after", config(with(of, "ada", "--describe")));
    }

    private Object features() throws Exception {
        var features = TOOLS + "FeatureCommand";
        var described = tools.run(features, "describe");
        var levels = lines(described.out()).stream()
                .filter(line -> line.startsWith("Feature: ")).sorted().toList();
        var feature = "eligible.leader.replicas.version=";
        return facts("levels", levels,
                "dryRun", tool(features, "downgrade", "--feature", feature + "0", "--dry-run"),
                "downgrade", tool(features, "downgrade", "--feature", feature + "0"),
                "upgrade", tool(features, "upgrade", "--feature", feature + "1"),
                "again", tool(features, "upgrade", "--feature", feature + "1"),
                "tooHigh", tool(features, "upgrade", "--feature", feature + "9"),
                "unknown", tool(features, "upgrade", "--feature", "no.such=1"),
                "metadata", tool(features, "downgrade", "--metadata", "4.0-IV3"),
                "unsafe", tool(features, "downgrade", "--unsafe", "--metadata", "4.0-IV3"),
                "disable", tool(features, "disable", "--feature", "metadata.version"),
                "mapping", tool(features, "version-mapping", "--release-version", "4.3-IV0"),
                "dependencies", tool(features, "feature-dependencies", "--feature", "metadata.version=30"),
                "toRelease", tool(features, "upgrade", "--release-version", "4.3"),
                "toOlderDry", tool(features, "downgrade", "--release-version", "4.2", "--dry-run"),
                "toOlder", tool(features, "downgrade", "--release-version", "4.2"),
                "toMuchOlder", tool(features, "downgrade", "--release-version", "4.0"),
                "back", tool(features, "upgrade", "--release-version", "4.3-IV0"),
                "kraft", tool(features, "downgrade", "--feature", "kraft.version=0"));
    }

    /** The names of the directories, and which of them hold the partition. */
    private Map<String, List<String>> places(Admin admin, String topic) throws Exception {
        var described = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
        return described.entrySet().stream().collect(Collectors.toMap(
                entry -> Path.of(entry.getKey()).getFileName().toString(),
                entry -> entry.getValue().replicaInfos().entrySet().stream()
                        .filter(replica -> replica.getKey().topic().equals(topic))
                        .map(replica -> replica.getKey() + (replica.getValue().isFuture() ? " future" : ""))
                        .sorted().toList(),
                (left, right) -> left, java.util.TreeMap::new));
    }

    private Object logDirsMove() throws Exception {
        clients.createTopic("t-move", 2);
        clients.send(List.of(Clients.record("t-move", 0, T0, "k", "v")));
        try (var admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            var paths = admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1).keySet()
                    .stream().sorted().toList();
            var outcome = facts("described", lines(tools.run(TOOLS + "LogDirsCommand", "--describe",
                    "--topic-list", "t-move").out()).size());
            for (var path : List.of(paths.get(1), paths.get(0))) {
                var name = Path.of(path).getFileName().toString();
                var file = Files.createTempFile("move", ".json");
                Files.writeString(file, """
                        {"version": 1, "partitions": [
                          {"topic": "t-move", "partition": 0, "replicas": [1], "log_dirs": ["%s"]},
                          {"topic": "t-move", "partition": 1, "replicas": [1], "log_dirs": ["%s"]}]}
                        """.formatted(path, path));
                var json = new String[] {"--reassignment-json-file", file.toString()};
                var executed = tools.run(REASSIGN, with(json, "--execute",
                        "--replica-alter-log-dirs-throttle", "10000000"));
                outcome.put("execute " + name, executed.code());
                outcome.put("message " + name, lines(executed.out()).stream()
                        .filter(line -> line.startsWith("Success")).toList());
                Kit.until("moved", () -> places(admin, "t-move").get(name)
                        .equals(List.of("t-move-0", "t-move-1")));
                outcome.put("places " + name, places(admin, "t-move"));
                outcome.put("verify " + name, tool(REASSIGN, with(json, "--verify")));
            }
            outcome.put("throttle", config("--entity-type", "brokers", "--entity-name", "1",
                    "--describe"));
            return outcome;
        }
    }

    private Object reassign() throws Exception {
        clients.createTopic("t-reassign", 1);
        var topics = Files.createTempFile("topics", ".json");
        Files.writeString(topics, "{\"version\": 1, \"topics\": [{\"topic\": \"t-reassign\"}]}");
        var outcome = facts("generate", tool(REASSIGN, "--generate", "--broker-list", "1",
                "--topics-to-move-json-file", topics.toString()));
        for (var replicas : List.of("1", "2", "1, 2")) {
            var file = Files.createTempFile("plan", ".json");
            Files.writeString(file, ("{\"version\": 1, \"partitions\": [{\"topic\": \"t-reassign\","
                    + " \"partition\": 0, \"replicas\": [%s]}]}").formatted(replicas));
            var json = new String[] {"--reassignment-json-file", file.toString()};
            outcome.put("execute " + replicas, tool(REASSIGN, with(json, "--execute")));
            // Looking after a broker that is not there takes the tool a minute.
            if (!replicas.equals("1")) continue;
            outcome.put("verify " + replicas, tool(REASSIGN, with(json, "--verify")));
            outcome.put("cancel " + replicas, tool(REASSIGN, with(json, "--cancel")));
        }
        outcome.put("list", tool(REASSIGN, "--list"));
        return outcome;
    }

    private Object elections() throws Exception {
        clients.createTopic("t-elect", 2);
        var elect = TOOLS + "LeaderElectionCommand";
        return facts(
                "one", tool(elect, "--election-type", "preferred", "--topic", "t-elect",
                        "--partition", "0"),
                "unclean", tool(elect, "--election-type", "unclean", "--topic", "t-elect",
                        "--partition", "1"),
                "unknown", tool(elect, "--election-type", "preferred", "--topic", "t-none",
                        "--partition", "0"),
                "all", tool(elect, "--election-type", "preferred", "--all-topic-partitions"));
    }

    private Object clientMetrics() throws Exception {
        var metrics = TOOLS + "ClientMetricsCommand";
        return facts(
                "alter", tool(metrics, "--alter", "--name", "m", "--metrics",
                        "org.apache.kafka.producer.", "--interval", "1000", "--match",
                        "client_id=p.*"),
                "list", tool(metrics, "--list"),
                "describe", tool(metrics, "--describe", "--name", "m"),
                "short", tool(metrics, "--alter", "--name", "m", "--interval", "10"),
                "match", tool(metrics, "--alter", "--name", "m", "--match", "color=red"),
                "unset", tool(metrics, "--alter", "--name", "m", "--interval", ""),
                "configs", config("--entity-type", "client-metrics", "--describe"),
                "delete", tool(metrics, "--delete", "--name", "m"),
                "after", tool(metrics, "--describe"));
    }

    private Object groupConfigs() throws Exception {
        var of = new String[] {"--entity-type", "groups", "--entity-name", "g"};
        return facts(
                "add", config(with(of, "--alter", "--add-config",
                        "consumer.session.timeout.ms=50000")),
                "low", config(with(of, "--alter", "--add-config",
                        "consumer.session.timeout.ms=5")),
                "unknown", config(with(of, "--alter", "--add-config", "no.such=5")),
                "describe", config(with(of, "--describe")),
                "delete", config(with(of, "--alter", "--delete-config",
                        "consumer.session.timeout.ms")),
                "after", config(with(of, "--describe")));
    }

    private Object loggers() throws Exception {
        var of = new String[] {"--entity-type", "broker-loggers", "--entity-name", "1"};
        var before = tools.run(CONFIGS, with(of, "--describe"));
        return facts("describe", before.code(),
                "root", before.out().contains("root="),
                "alter", config(with(of, "--alter", "--add-config", "root=WARN")),
                "level", tools.run(CONFIGS, with(of, "--describe")).out().contains("root=WARN"),
                "wrong", config(with(of, "--alter", "--add-config", "root=LOUD")),
                "remove", config(with(of, "--alter", "--delete-config", "root")),
                "unknown", config(with(of, "--alter", "--add-config", "no.such=INFO")));
    }

    private Object dynamicConfigs() throws Exception {
        var one = new String[] {"--entity-type", "brokers", "--entity-name", "1"};
        var all = new String[] {"--entity-type", "brokers", "--entity-default"};
        return facts(
                "add", config(with(one, "--alter", "--add-config",
                        "log.retention.ms=7000000,max.connections.per.ip=1000")),
                "addAll", config(with(all, "--alter", "--add-config", "log.segment.bytes=5000000")),
                "describe", config(with(one, "--describe")),
                "describeAll", config(with(all, "--describe")),
                "readOnly", config(with(one, "--alter", "--add-config", "node.id=5")),
                "wrong", config(with(one, "--alter", "--add-config", "log.retention.ms=soon")),
                "threads", tools.run(CONFIGS, with(one, "--alter", "--add-config",
                        "num.io.threads=100")).code(),
                "perBroker", config(with(all, "--alter", "--add-config",
                        "cordoned.log.dirs=/nowhere")),
                "delete", config(with(one, "--alter", "--delete-config",
                        "log.retention.ms,max.connections.per.ip")),
                "deleteAll", config(with(all, "--alter", "--delete-config", "log.segment.bytes")),
                "deleteUnset", config(with(one, "--alter", "--delete-config", "log.retention.ms")));
    }

    private Object quotas() throws Exception {
        var user = new String[] {"--entity-type", "users", "--entity-name", "ada"};
        return facts(
                "user", config(with(user, "--alter", "--add-config", "producer_byte_rate=1000")),
                "client", config(with(user, "--entity-type", "clients", "--entity-name", "c",
                        "--alter", "--add-config", "consumer_byte_rate=2000")),
                "default", config("--entity-type", "clients", "--entity-default", "--alter",
                        "--add-config", "request_percentage=50"),
                "ip", config("--entity-type", "ips", "--entity-name", "127.0.0.9", "--alter",
                        "--add-config", "connection_creation_rate=7"),
                "wrong", config(with(user, "--alter", "--add-config", "no_such=1")),
                "describe", config(with(user, "--describe")),
                "describeBoth", config(with(user, "--entity-type", "clients", "--entity-name", "c",
                        "--describe")),
                "describeIps", config("--entity-type", "ips", "--describe"),
                "delete", config(with(user, "--alter", "--delete-config", "producer_byte_rate")),
                "deleteDefault", config("--entity-type", "clients", "--entity-default", "--alter",
                        "--delete-config", "request_percentage"));
    }

    private Object quorum() throws Exception {
        var quorum = TOOLS + "MetadataQuorumCommand";
        var replication = tools.run(quorum, "describe", "--replication");
        return facts("code", replication.code(),
                "columns", lines(replication.out()).get(0).split("\\s+").length,
                "rows", lines(replication.out()).size(),
                "remove", tool(quorum, "remove-controller", "--controller-id", "1",
                        "--controller-directory-id", "c29tZSBkaXJlY3RvcnkgIQ"));
    }

    private Object cluster() throws Exception {
        var cluster = TOOLS + "ClusterTool";
        var on = new String[] {"--bootstrap-server", bootstrap};
        return facts(
                "endpoints", plain(Tools.runPlain(cluster, "", with(
                        new String[] {"list-endpoints"}, on))),
                "unregister", plain(Tools.runPlain(cluster, "", with(
                        with(new String[] {"unregister"}, on), "--id", "7"))));
    }

    private Object getOffsets() throws Exception {
        clients.createTopic("t-offsets", 2);
        clients.send(List.of(Clients.record("t-offsets", 1, T0, "k", "v")));
        var offsets = TOOLS + "GetOffsetShell";
        return facts(
                "latest", tool(offsets, "--topic", "t-offsets"),
                "earliest", tool(offsets, "--topic-partitions", "t-offsets:1", "--time", "earliest"),
                "maxTimestamp", tool(offsets, "--topic", "t-off.*", "--time", "max-timestamp"),
                "at", tool(offsets, "--topic", "t-offsets", "--time", String.valueOf(T0)),
                "unknown", tool(offsets, "--topic", "t-none"));
    }

    private static String[] with(String[] first, String... more) {
        var all = Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return all;
    }
}
