package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClassicGroupsOptions;
import org.apache.kafka.clients.admin.DescribeConsumerGroupsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;

/** Consumer groups of the classic protocol: members, offsets and admin calls. */
final class GroupScenarios {
    private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";

    private final Clients clients;
    private final Admin admin;

    GroupScenarios(Clients clients) {
        this.clients = clients;
        this.admin = clients.admin;
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("group-single", this::single);
        scenarios.put("group-two-members", () -> twoMembers("j-two", "RangeAssignor"));
        scenarios.put("group-cooperative",
                () -> twoMembers("j-cooperative", "CooperativeStickyAssignor"));
        scenarios.put("group-assignors", this::assignors);
        scenarios.put("group-resume", this::resume);
        scenarios.put("group-static", this::staticMembers);
        scenarios.put("group-offsets", this::offsets);
        scenarios.put("group-admin", this::groupAdmin);
        scenarios.put("group-errors", this::groupErrors);
    }

    private Object describe(String group) throws Exception {
        var options = new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true);
        var found = admin.describeConsumerGroups(List.of(group), options).all().get().get(group);
        var members = found.members().stream()
                .map(member -> facts("clientId", member.clientId(), "host", member.host(),
                        "instance", member.groupInstanceId().orElse(null),
                        "assignment", Member.numbers(member.assignment().topicPartitions()),
                        "idShape", member.consumerId()
                                .replaceAll("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UUID")))
                .sorted((a, b) -> a.toString().compareTo(b.toString()))
                .toList();
        return facts("state", found.groupState().toString(), "assignor", found.partitionAssignor(),
                "type", found.type().toString(), "simple", found.isSimpleConsumerGroup(),
                "coordinator", found.coordinator().id(), "members", members,
                "operations", Kit.sorted(found.authorizedOperations()));
    }

    private Object committed(String group) throws Exception {
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        var plain = new TreeMap<String, String>();
        offsets.forEach((place, offset) -> plain.put(place.toString(), plain(offset)));
        return plain;
    }

    private static String plain(OffsetAndMetadata offset) {
        if (offset == null) return "null";
        return offset.offset() + " '" + offset.metadata() + "' " + offset.leaderEpoch();
    }

    private Object single() throws Exception {
        var topic = "j-group-single";
        clients.createTopic(topic, 4);
        clients.fill(topic, 4, 5, "v");
        var outcome = facts("before", outcomeOf(() -> describe("j-single")));
        try (var member = new Member(clients, "j-single", topic)) {
            Member.pollUntil("20 records", () -> member.records.size() >= 20, member);
            outcome.put("during", describe("j-single"));
            outcome.put("generationIsPositive", member.consumer.groupMetadata().generationId() > 0);
            var place = new TopicPartition(topic, 0);
            var offset = new OffsetAndMetadata(2, java.util.Optional.of(0), "by hand");
            member.consumer.commitSync(Map.of(place, offset));
            outcome.put("byHand", committed("j-single"));
            member.consumer.commitSync();
            outcome.put("events", member.events);
        }
        outcome.put("after", describe("j-single"));
        outcome.put("committed", committed("j-single"));
        return outcome;
    }

    private Object twoMembers(String group, String assignor) throws Exception {
        var strategy = new Object[] {"partition.assignment.strategy", ASSIGNORS + assignor};
        clients.createTopic(group, 4);
        clients.fill(group, 4, 5, "v");
        var outcome = facts();
        try (var first = new Member(clients, group, group, strategy);
                var second = new Member(clients, group, group, strategy)) {
            Member.pollUntil("the first has all", () -> first.held.size() == 4, first);
            outcome.put("alone", first.held.toString());
            Member.pollUntil("each has two",
                    () -> first.held.size() == 2 && second.held.size() == 2, first, second);
            var both = new TreeSet<>(first.held);
            both.addAll(second.held);
            outcome.put("together", both.toString());
            first.consumer.commitSync();
            first.close();
            Member.pollUntil("the second has all", () -> second.held.size() == 4, second);
            outcome.put("eager", second.events.size() > 2
                    && second.events.get(2).startsWith("assigned [0, 1, 2, 3]"));
            clients.fill(group, 4, 1, "later");
            Member.pollUntil("later records", () -> second.records.stream()
                    .filter(record -> Kit.text(record.value()).startsWith("later"))
                    .count() == 4, second);
        }
        outcome.put("committed", committed(group));
        return outcome;
    }

    private Object assignors() throws Exception {
        var outcome = facts();
        for (var name : List.of("RangeAssignor", "RoundRobinAssignor", "StickyAssignor")) {
            var group = "j-assignor-" + name;
            var strategy = new Object[] {"partition.assignment.strategy", ASSIGNORS + name};
            clients.createTopic(group, 4);
            try (var first = new Member(clients, group, group, strategy);
                    var second = new Member(clients, group, group, strategy)) {
                Member.pollUntil("each has two",
                        () -> first.held.size() == 2 && second.held.size() == 2, first, second);
                var shares = new TreeSet<>(Set.of(first.held.toString(), second.held.toString()));
                outcome.put(name, name.equals("StickyAssignor") ? shares.size() : shares);
            }
        }
        return outcome;
    }

    private Object resume() throws Exception {
        var topic = "j-group-resume";
        clients.createTopic(topic, 2);
        var outcome = facts();
        for (var round : List.of("a", "b", "c")) {
            clients.fill(topic, 2, 3, round);
            try (var member = new Member(clients, topic, topic)) {
                Member.pollUntil("6 records", () -> member.records.size() >= 6, member);
                outcome.put(round, member.places());
            }
        }
        outcome.put("committed", committed(topic));
        return outcome;
    }

    private Object staticMembers() throws Exception {
        var topic = "j-group-static";
        clients.createTopic(topic, 4);
        clients.fill(topic, 4, 1, "v");
        var outcome = facts();
        try (var one = new Member(clients, topic, topic, "group.instance.id", "one")) {
            var two = new Member(clients, topic, topic, "group.instance.id", "two");
            Member.pollUntil("each has two", () -> one.held.size() == 2 && two.held.size() == 2, one, two);
            var before = two.held.toString();
            outcome.put("members", describe(topic));
            int eventsOfOne = one.events.size();
            two.close();
            outcome.put("afterLeave", describe(topic));
            try (var again = new Member(clients, topic, topic, "group.instance.id", "two")) {
                Member.pollUntil("two is back", () -> again.held.size() == 2, one, again);
                outcome.put("sameAssignment", again.held.toString().equals(before));
                outcome.put("otherUndisturbed", one.events.size() == eventsOfOne);
                outcome.put("fenced", outcomeOf(() -> {
                    try (var third = new Member(clients, topic, topic, "group.instance.id", "two")) {
                        Member.pollUntil("fencing", () -> {
                            again.consumer.commitSync(Duration.ofSeconds(5));
                            return false;
                        }, third, again);
                        return null;
                    }
                }));
            }
            var removal = new RemoveMembersFromConsumerGroupOptions(
                    Set.of(new MemberToRemove("two"), new MemberToRemove("nobody")));
            var removed = admin.removeMembersFromConsumerGroup(topic, removal);
            outcome.put("removed", outcomeOf(
                    () -> removed.memberResult(new MemberToRemove("two")).get()));
            outcome.put("removedNobody", outcomeOf(
                    () -> removed.memberResult(new MemberToRemove("nobody")).get()));
            Member.pollUntil("one has all", () -> one.held.size() == 4, one);
        }
        return outcome;
    }

    private Object offsets() throws Exception {
        var topic = "j-group-offsets";
        var group = "j-offsets-group";
        clients.createTopic(topic, 2);
        clients.fill(topic, 2, 5, "v");
        var zero = new TopicPartition(topic, 0);
        var one = new TopicPartition(topic, 1);
        var none = committed(group);
        admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(3, "by hand"),
                one, new OffsetAndMetadata(1))).all().get();
        var set = committed(group);
        var described = describe(group);
        List<String> resumed;
        try (var member = new Member(clients, group, topic)) {
            Member.pollUntil("6 records", () -> member.records.size() >= 6, member);
            resumed = member.places();
        }
        var many = admin.listConsumerGroupOffsets(Map.of(
                group, new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(zero)),
                "j-no-such-group",
                new ListConsumerGroupOffsetsSpec().topicPartitions(List.of(one))));
        var spot = many.partitionsToOffsetAndMetadata(group).get().get(zero);
        var absent = many.partitionsToOffsetAndMetadata("j-no-such-group").get();
        var deleted = outcomeOf(
                () -> admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all().get());
        return facts("none", none, "set", set, "described", described, "resumed", resumed,
                "spot", plain(spot), "absent", String.valueOf(absent),
                "deleted", deleted, "afterDelete", committed(group),
                "unknownPartition", outcomeOf(() -> {
                    var nine = Map.of(new TopicPartition(topic, 9), new OffsetAndMetadata(1));
                    return admin.alterConsumerGroupOffsets(group, nine).all().get();
                }));
    }

    private List<String> listed(ListGroupsOptions options) throws Exception {
        return admin.listGroups(options).all().get().stream()
                .filter(group -> group.groupId().startsWith("j-admin"))
                .map(group -> group.groupId() + " " + group.type() + " " + group.protocol() + " "
                        + group.groupState() + " simple " + group.isSimpleConsumerGroup())
                .sorted()
                .toList();
    }

    private Object groupAdmin() throws Exception {
        var topic = "j-group-admin";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 1, "v");
        var place = new TopicPartition(topic, 0);
        admin.alterConsumerGroupOffsets("j-admin-simple",
                Map.of(place, new OffsetAndMetadata(1))).all().get();
        var outcome = facts();
        var stable = new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE));
        var empty = new ListGroupsOptions().inGroupStates(Set.of(GroupState.EMPTY));
        var classic = new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC));
        var consumer = new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER));
        try (var member = new Member(clients, "j-admin", topic)) {
            Member.pollUntil("a record", () -> member.records.size() >= 1, member);
            outcome.put("stable", listed(stable));
            outcome.put("empty", listed(empty));
            outcome.put("classic", listed(classic));
            outcome.put("consumer", listed(consumer));
            outcome.put("notEmpty", delete("j-admin"));
            outcome.put("subscribed", outcomeOf(() ->
                    admin.deleteConsumerGroupOffsets("j-admin", Set.of(place)).all().get()));
            outcome.put("alterWhileStable", outcomeOf(() -> admin.alterConsumerGroupOffsets(
                    "j-admin", Map.of(place, new OffsetAndMetadata(0))).all().get()));
        }
        outcome.put("after", listed(new ListGroupsOptions()));
        outcome.put("deleted", delete("j-admin"));
        outcome.put("deletedSimple", delete("j-admin-simple"));
        outcome.put("afterDelete", listed(new ListGroupsOptions()));
        return outcome;
    }

    private Object delete(String group) {
        return outcomeOf(() -> admin.deleteConsumerGroups(List.of(group)).all().get());
    }

    private Object groupErrors() throws Exception {
        var none = "j-no-such-group";
        var place = new TopicPartition("j-no-such-topic", 0);
        var classic = new DescribeClassicGroupsOptions();
        return facts(
                "delete", delete(none),
                "deleteOffsets", outcomeOf(
                        () -> admin.deleteConsumerGroupOffsets(none, Set.of(place)).all().get()),
                "describe", outcomeOf(() -> describe(none)),
                "describeClassic", outcomeOf(() ->
                        admin.describeClassicGroups(List.of(none), classic).all().get()),
                "removeMembers", outcomeOf(() -> admin.removeMembersFromConsumerGroup(none,
                        new RemoveMembersFromConsumerGroupOptions()).all().get()),
                "emptyName", outcomeOf(() -> describe("")),
                "sessionTooShort", join("session.timeout.ms", 100, "heartbeat.interval.ms", 50),
                "sessionTooLong", join("session.timeout.ms", 10_000_000),
                "inconsistent", inconsistent());
    }

    private Object join(Object... settings) {
        return outcomeOf(() -> {
            try (var member = new Member(clients, "j-join", "j-group-admin", settings)) {
                Member.pollUntil("an assignment", () -> !member.held.isEmpty(), member);
                return member.held.toString();
            }
        });
    }

    /** A member without a protocol in common with the group. */
    private Object inconsistent() throws Exception {
        var strategy = "partition.assignment.strategy";
        try (var member = new Member(clients, "j-join", "j-group-admin", strategy,
                ASSIGNORS + "RangeAssignor")) {
            Member.pollUntil("an assignment", () -> !member.held.isEmpty(), member);
            return join(strategy, ASSIGNORS + "RoundRobinAssignor");
        }
    }
}
