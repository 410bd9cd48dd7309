package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Share groups as kafka-share-groups.sh and the admin client see them. */
public final class ShareToolsDriver {
    private static final String SHARE_GROUPS =
            "org.apache.kafka.tools.consumer.group.ShareGroupCommand";
    private static final String GROUPS = "org.apache.kafka.tools.GroupsCommand";

    private final Clients clients;
    private final Tools tools;
    private final Admin admin;

    private ShareToolsDriver(String bootstrap) {
        this.clients = new Clients(bootstrap);
        this.tools = new Tools(bootstrap);
        this.admin = clients.admin;
    }

    public static void main(String[] args) throws Exception {
        var driver = new ShareToolsDriver(args[0]);
        var scenarios = new LinkedHashMap<String, Kit.Scenario>();
        scenarios.put("share-tool-life", driver::life);
        scenarios.put("share-tool-offsets", driver::offsets);
        scenarios.put("share-tool-errors", driver::errors);
        scenarios.put("share-admin", driver::admin);
        Kit.run(scenarios, Arrays.asList(args).subList(1, args.length));
    }

    private KafkaShareConsumer<byte[], byte[]> member(String group, String topic) throws Exception {
        var resource = new ConfigResource(ConfigResource.Type.GROUP, group);
        var earliest = new ConfigEntry("share.auto.offset.reset", "earliest");
        var op = new AlterConfigOp(earliest, AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(op))).all().get();
        var settings = Map.<String, Object>of("bootstrap.servers", clients.bootstrap,
                "group.id", group, "client.id", "sharer");
        var member = new KafkaShareConsumer<>(settings, new ByteArrayDeserializer(),
                new ByteArrayDeserializer());
        member.subscribe(List.of(topic));
        return member;
    }

    private static void read(KafkaShareConsumer<byte[], byte[]> member, int count)
            throws Exception {
        var seen = new int[1];
        Kit.until(count + " share records", () -> {
            seen[0] += member.poll(Duration.ofMillis(200)).count();
            return seen[0] >= count;
        });
        member.commitSync();
    }

    /** Ids of share members are chosen by chance, and are short. */
    private Object tool(String... arguments) throws Exception {
        var outcome = new TreeMap<String, Object>();
        tools.run(SHARE_GROUPS, arguments).sorted().forEach((name, value) ->
                outcome.put(name, value instanceof List<?> lines ? plain(lines) : value));
        return outcome;
    }

    private static List<String> plain(List<?> lines) {
        return lines.stream()
                .map(line -> String.valueOf(line).replaceAll("(?<= )[\\w-]{22}(?= )", "MEMBER"))
                .sorted()
                .toList();
    }

    private Object life() throws Exception {
        clients.createTopic("t-share", 2);
        clients.fill("t-share", 2, 5, "v");
        Object during;
        try (var member = member("t-share", "t-share")) {
            read(member, 10);
            during = facts(
                    "list", tool("--list"),
                    "state", tool("--list", "--state"),
                    "groups", tools.run(GROUPS, "--list", "--group-type", "share").sorted(),
                    "members", tool("--describe", "--group", "t-share", "--members"),
                    "verbose", tool("--describe", "--group", "t-share", "--members", "--verbose"),
                    "describeState", tool("--describe", "--group", "t-share", "--state"),
                    "reset", tool("--reset-offsets", "--group", "t-share", "--topic", "t-share",
                            "--to-earliest", "--execute"),
                    "deleteOffsets", tool("--delete-offsets", "--group", "t-share", "--topic",
                            "t-share"),
                    "delete", tool("--delete", "--group", "t-share"));
        }
        return facts("during", during,
                "list", tool("--list", "--state", "empty"),
                "state", tool("--describe", "--group", "t-share", "--state"),
                "members", tool("--describe", "--group", "t-share", "--members"),
                "offsets", tool("--describe", "--group", "t-share"),
                "delete", tool("--delete", "--group", "t-share"),
                "afterwards", tool("--describe", "--group", "t-share"));
    }

    private Object reset(String... how) throws Exception {
        var arguments = new ArrayList<>(List.of("--reset-offsets", "--group", "t-shares"));
        arguments.addAll(List.of(how));
        return tool(arguments.toArray(String[]::new));
    }

    private Object offsets() throws Exception {
        clients.createTopic("t-shares", 2);
        clients.fill("t-shares", 2, 10, "v");
        try (var member = member("t-shares", "t-shares")) {
            read(member, 20);
        }
        var outcome = facts(
                "before", tool("--describe", "--group", "t-shares"),
                "dry", reset("--topic", "t-shares", "--to-earliest", "--dry-run"),
                "stillBefore", tool("--describe", "--group", "t-shares"),
                "earliest", reset("--topic", "t-shares", "--to-earliest", "--execute"),
                "afterEarliest", tool("--describe", "--group", "t-shares", "--verbose"),
                "latest", reset("--all-topics", "--to-latest", "--execute"),
                "datetime", reset("--topic", "t-shares", "--to-datetime",
                        "2023-11-14T22:13:25.000", "--execute"),
                "afterDatetime", tool("--describe", "--group", "t-shares"),
                "absent", reset("--topic", "t-absent", "--to-earliest", "--execute"));
        tools.run(SHARE_GROUPS, "--reset-offsets", "--group", "t-shares", "--topic", "t-shares",
                "--to-earliest", "--execute");
        try (var member = member("t-shares", "t-shares")) {
            read(member, 20);
        }
        outcome.put("readAgain", tool("--describe", "--group", "t-shares"));
        outcome.put("deleteOffsets", tool("--delete-offsets", "--group", "t-shares", "--topic",
                "t-shares"));
        outcome.put("afterDelete", tool("--describe", "--group", "t-shares"));
        return outcome;
    }

    private Object errors() throws Exception {
        clients.createTopic("t-none", 1);
        return facts(
                "describe", tool("--describe", "--group", "t-unknown"),
                "members", tool("--describe", "--group", "t-unknown", "--members"),
                "delete", tool("--delete", "--group", "t-unknown"),
                "deleteOffsets", tool("--delete-offsets", "--group", "t-unknown", "--topic",
                        "t-none"),
                "reset", tool("--reset-offsets", "--group", "t-unknown", "--topic", "t-none",
                        "--to-earliest", "--execute"),
                "resetMade", tool("--describe", "--group", "t-unknown"));
    }

    private Object groups(String name) throws Exception {
        var options = new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE));
        return admin.listGroups(options).all().get().stream()
                .filter(group -> group.groupId().equals(name))
                .map(GroupListing::toString)
                .sorted()
                .toList();
    }

    private Object listed(String group) {
        var spec = new ListShareGroupOffsetsSpec();
        return outcomeOf(() -> admin.listShareGroupOffsets(Map.of(group, spec))
                .partitionsToOffsetInfo(group).get().entrySet().stream()
                .map(String::valueOf)
                .sorted()
                .toList());
    }

    private Object admin() throws Exception {
        clients.createTopic("t-admin", 2);
        clients.fill("t-admin", 2, 4, "v");
        var first = new TopicPartition("t-admin", 0);
        var absent = new TopicPartition("t-absent", 0);
        var outcome = facts(
                "listUnknown", listed("t-admin"),
                "describeUnknown", outcomeOf(() -> String.valueOf(
                        admin.describeShareGroups(List.of("t-admin")).all().get())),
                "alter", outcomeOf(() -> admin.alterShareGroupOffsets("t-admin",
                        Map.of(first, 3L)).all().get()),
                "alterAbsent", outcomeOf(() -> admin.alterShareGroupOffsets("t-admin",
                        Map.of(absent, 3L)).all().get()),
                "groups", groups("t-admin"),
                "listed", listed("t-admin"));
        try (var member = member("t-admin", "t-admin")) {
            // One record behind the altered offset, and the whole of the other partition.
            read(member, 5);
            var described = admin.describeShareGroups(List.of("t-admin")).all().get();
            var found = described.get("t-admin");
            outcome.put("described", facts(
                    "state", found.groupState().toString(),
                    "members", found.members().stream()
                            .map(one -> one.clientId() + " " + one.host() + " "
                                    + Member.numbers(one.assignment().topicPartitions()))
                            .toList()));
            outcome.put("alterWithMembers", outcomeOf(() -> admin.alterShareGroupOffsets("t-admin",
                    Map.of(first, 3L)).all().get()));
            outcome.put("deleteWithMembers", outcomeOf(() -> admin.deleteShareGroups(
                    List.of("t-admin")).all().get()));
        }
        outcome.put("read", listed("t-admin"));
        outcome.put("deleteOffsets", outcomeOf(() -> admin.deleteShareGroupOffsets("t-admin",
                Set.of("t-admin")).all().get()));
        outcome.put("deleteNoOffsets", outcomeOf(() -> admin.deleteShareGroupOffsets("t-admin",
                Set.of("t-admin")).all().get()));
        outcome.put("left", listed("t-admin"));
        outcome.put("delete", outcomeOf(() -> admin.deleteShareGroups(List.of("t-admin"))
                .all().get()));
        outcome.put("deleteAgain", outcomeOf(() -> admin.deleteShareGroups(List.of("t-admin"))
                .all().get()));
        outcome.put("gone", groups("t-admin"));
        return outcome;
    }
}
