package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.ConfigResource.Type;

/** Configs of topics, brokers and groups through the Java admin client. */
final class ConfigScenarios {
    /** Broker settings that differ between two machines, or that the suite itself sets. */
    private static final Set<String> OF_THE_MACHINE = Set.of("listeners", "advertised.listeners",
            "log.dirs", "log.dir", "controller.quorum.bootstrap.servers", "broker.id", "node.id");

    private final Clients clients;
    private final Admin admin;

    ConfigScenarios(Clients clients) {
        this.clients = clients;
        this.admin = clients.admin;
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("configs-topic", this::topic);
        scenarios.put("configs-topic-errors", this::topicErrors);
        scenarios.put("configs-broker", this::broker);
        scenarios.put("configs-broker-dynamic", this::brokerDynamic);
        scenarios.put("configs-group", this::group);
    }

    private Map<String, Object> describe(Type type, String name) throws Exception {
        var resource = new ConfigResource(type, name);
        var options = new DescribeConfigsOptions().includeSynonyms(true);
        var config = admin.describeConfigs(List.of(resource), options).all().get().get(resource);
        var entries = new TreeMap<String, Object>();
        for (var entry : config.entries()) {
            if (!OF_THE_MACHINE.contains(entry.name())) entries.put(entry.name(), plain(entry));
        }
        return entries;
    }

    private static String plain(ConfigEntry entry) {
        var synonyms = entry.synonyms().stream()
                .map(synonym -> synonym.name() + "=" + synonym.value() + " " + synonym.source())
                .toList();
        return entry.value() + " | " + entry.type() + " " + entry.source()
                + (entry.isReadOnly() ? " read-only" : "")
                + (entry.isSensitive() ? " sensitive" : "") + " " + synonyms;
    }

    private static Map<String, Object> only(Map<String, Object> entries, String... names) {
        var chosen = new TreeMap<>(entries);
        chosen.keySet().retainAll(Arrays.asList(names));
        return chosen;
    }

    /** Operations as `SET name=value`, `DELETE name`, `APPEND ...`, `SUBTRACT ...`. */
    private Object alter(Type type, String name, String... operations) {
        return alter(new AlterConfigsOptions(), type, name, operations);
    }

    private Object alter(
            AlterConfigsOptions options, Type type, String name, String... operations) {
        var ops = Arrays.stream(operations).map(operation -> {
            var words = operation.split(" ", 2);
            var pair = words[1].split("=", 2);
            var entry = new ConfigEntry(pair[0], pair.length > 1 ? pair[1] : null);
            return new AlterConfigOp(entry, OpType.valueOf(words[0]));
        }).toList();
        var resource = new ConfigResource(type, name);
        return outcomeOf(() ->
                admin.incrementalAlterConfigs(Map.of(resource, ops), options).all().get());
    }

    private Object topic() throws Exception {
        var name = "j-topic-configs";
        clients.createTopic(name, 1, Map.of("retention.ms", "86400000"));
        var all = describe(Type.TOPIC, name);
        alter(Type.TOPIC, name, "SET max.message.bytes=2000000", "SET cleanup.policy=compact");
        alter(Type.TOPIC, name, "APPEND cleanup.policy=delete", "DELETE retention.ms");
        var names = new String[] {"max.message.bytes", "cleanup.policy", "retention.ms"};
        var altered = only(describe(Type.TOPIC, name), names);
        alter(Type.TOPIC, name, "SUBTRACT cleanup.policy=compact");
        var subtracted = only(describe(Type.TOPIC, name), names);
        var validate = new AlterConfigsOptions().validateOnly(true);
        return facts("all", all, "altered", altered, "subtracted", subtracted,
                "validated", alter(validate, Type.TOPIC, name, "SET max.message.bytes=5"),
                "after", only(describe(Type.TOPIC, name), names));
    }

    private Object topicErrors() throws Exception {
        var name = "j-topic-config-errors";
        clients.createTopic(name, 1);
        return facts(
                "badValue", alter(Type.TOPIC, name, "SET max.message.bytes=-7"),
                "notANumber", alter(Type.TOPIC, name, "SET retention.ms=soon"),
                "unknownConfig", alter(Type.TOPIC, name, "SET no.such.config=1"),
                "nullValue", alter(Type.TOPIC, name, "SET retention.ms"),
                "twice", alter(Type.TOPIC, name, "SET retention.ms=1", "SET retention.ms=2"),
                "appendToNoList", alter(Type.TOPIC, name, "APPEND retention.ms=1"),
                "unknownTopic", alter(Type.TOPIC, "j-no-such-topic", "SET retention.ms=1"),
                "invalidTopic", alter(Type.TOPIC, "j/slash", "SET retention.ms=1"),
                "describeUnknown", outcomeOf(() -> describe(Type.TOPIC, "j-no-such-topic")),
                "describeInvalid", outcomeOf(() -> describe(Type.TOPIC, "j/slash")));
    }

    private Object broker() throws Exception {
        return facts("all", describe(Type.BROKER, "1"),
                "ofAll", describe(Type.BROKER, ""),
                "unknown", outcomeOf(() -> admin.describeConfigs(
                        List.of(new ConfigResource(Type.BROKER, "x"))).all().get()));
    }

    private Object brokerDynamic() throws Exception {
        var name = "message.max.bytes";
        var threads = "log.cleaner.threads";
        var set = alter(Type.BROKER, "", "SET message.max.bytes=1500000");
        Kit.until("dynamic default", () -> contains(describe(Type.BROKER, "1"), name, "1500000"));
        var withDefault = only(describe(Type.BROKER, "1"), name);
        alter(Type.BROKER, "1", "SET message.max.bytes=1600000", "SET log.cleaner.threads=2");
        Kit.until("dynamic value", () -> contains(describe(Type.BROKER, "1"), name, "1600000"));
        var withOwn = only(describe(Type.BROKER, "1"), name, threads);
        clients.createTopic("j-dynamic", 1);
        var topic = only(describe(Type.TOPIC, "j-dynamic"), "max.message.bytes");
        var ofAll = describe(Type.BROKER, "");
        var undone = List.of(alter(Type.BROKER, "", "DELETE message.max.bytes"),
                alter(Type.BROKER, "1", "DELETE message.max.bytes", "DELETE log.cleaner.threads"));
        Kit.until("default", () -> contains(describe(Type.BROKER, "1"), name, "1048588"));
        return facts("set", set, "withDefault", withDefault, "withOwn", withOwn,
                "topic", topic, "ofAll", ofAll, "undone", undone,
                "after", only(describe(Type.BROKER, "1"), name, threads),
                "readOnly", alter(Type.BROKER, "1", "SET node.id=2"),
                "badValue", alter(Type.BROKER, "1", "SET message.max.bytes=-2"),
                "unknownConfig", alter(Type.BROKER, "1", "SET no.such.config=1"),
                "badBroker", alter(Type.BROKER, "x", "SET message.max.bytes=5"));
    }

    private static boolean contains(Map<String, Object> entries, String name, String value) {
        return String.valueOf(entries.get(name)).startsWith(value);
    }

    private Object group() throws Exception {
        var set = alter(Type.GROUP, "j-configured", "SET consumer.session.timeout.ms=50000");
        var all = describe(Type.GROUP, "j-configured");
        var resources = admin.listConfigResources(Set.of(Type.GROUP), new
                org.apache.kafka.clients.admin.ListConfigResourcesOptions()).all().get();
        return facts("set", set, "all", all,
                "listed", resources.stream().map(String::valueOf).sorted().toList(),
                "bad", alter(Type.GROUP, "j-configured", "SET consumer.session.timeout.ms=1"),
                "unknown", alter(Type.GROUP, "j-configured", "SET no.such.config=1"));
    }
}
