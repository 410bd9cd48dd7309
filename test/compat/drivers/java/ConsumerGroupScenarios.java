package compat;

import static compat.Kit.facts;
import static compat.Kit.outcomeOf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Consumer groups of KIP-848: members of the consumer protocol, alone and beside classic ones. */
final class ConsumerGroupScenarios {
    private static final Object[] NEXT = {"group.protocol", "consumer"};
    private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";

    private final Clients clients;
    private final Admin admin;

    ConsumerGroupScenarios(Clients clients) {
        this.clients = clients;
        this.admin = clients.admin;
    }

    void addTo(Map<String, Kit.Scenario> scenarios) {
        scenarios.put("next-single", this::single);
        scenarios.put("next-two-members", this::twoMembers);
        scenarios.put("next-assignors", this::assignors);
        scenarios.put("next-static", this::staticMembers);
        scenarios.put("next-regex", this::regex);
        scenarios.put("next-regex-grows", this::regexGrows);
        scenarios.put("next-session", this::session);
        scenarios.put("next-mixed", this::mixed);
        scenarios.put("next-mixed-eager", this::mixedEager);
        scenarios.put("next-admin", this::groupAdmin);
        scenarios.put("next-errors", this::errors);
        scenarios.put("next-txn-offsets", this::transactionalOffsets);
        scenarios.put("next-max-size", this::tooMany);
    }

    private Member member(String group, String topic, Object... settings) {
        var all = new ArrayList<Object>(List.of(NEXT));
        all.addAll(List.of(settings));
        return new Member(clients, group, topic, all.toArray());
    }

    private ConsumerGroupDescription description(String group) throws Exception {
        return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
    }

    /** How far epochs have come depends on how members met; that they are there does not. */
    private static Object plain(MemberDescription member) {
        return facts("clientId", member.clientId(), "host", member.host(),
                "instance", member.groupInstanceId().orElse(null),
                "rack", member.rackId().orElse(null),
                "assignment", Member.numbers(member.assignment().topicPartitions()),
                "target", member.targetAssignment()
                        .map(target -> Member.numbers(target.topicPartitions())).orElse(null),
                "hasEpoch", member.memberEpoch().map(epoch -> epoch > 0).orElse(null),
                "upgraded", member.upgraded().orElse(null));
    }

    private Object describe(String group) throws Exception {
        var found = description(group);
        var members = found.members().stream().map(ConsumerGroupScenarios::plain)
                .sorted((a, b) -> a.toString().compareTo(b.toString())).toList();
        return facts("state", found.groupState().toString(), "assignor", found.partitionAssignor(),
                "type", found.type().toString(), "simple", found.isSimpleConsumerGroup(),
                "settled", found.groupEpoch().equals(found.targetAssignmentEpoch()),
                "members", members);
    }

    /** Until the group has come to rest with so many members. */
    private void untilStable(String group, int count, Member... members) throws Exception {
        Member.pollUntil(group + " is stable", () -> {
            var found = description(group);
            return found.groupState().toString().equals("Stable")
                    && found.members().size() == count;
        }, members);
    }

    private static void shared(Member... members) throws Exception {
        Member.pollUntil("equal shares", () -> {
            var all = new TreeSet<Integer>();
            for (var member : members) {
                if (member.held.size() != 4 / members.length) return false;
                all.addAll(member.held);
            }
            return all.size() == 4;
        }, members);
    }

    private Object committed(String group) throws Exception {
        var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        var plain = new TreeMap<String, String>();
        offsets.forEach((place, offset) ->
                plain.put(place.toString(), offset.offset() + " '" + offset.metadata() + "'"));
        return plain;
    }

    private Object single() throws Exception {
        var topic = "j-next-single";
        clients.createTopic(topic, 4);
        clients.fill(topic, 4, 5, "v");
        var outcome = facts();
        try (var member = member(topic, topic)) {
            Member.pollUntil("20 records", () -> member.records.size() >= 20, member);
            untilStable(topic, 1, member);
            outcome.put("during", describe(topic));
            member.consumer.commitSync();
            outcome.put("delete", delete(topic));
        }
        outcome.put("after", describe(topic));
        outcome.put("committed", committed(topic));
        clients.fill(topic, 4, 1, "later");
        try (var again = member(topic, topic)) {
            Member.pollUntil("4 records", () -> again.records.size() >= 4, again);
            outcome.put("resumed", again.places());
        }
        return outcome;
    }

    private Object twoMembers() throws Exception {
        var topic = "j-next-two";
        clients.createTopic(topic, 4);
        clients.fill(topic, 4, 5, "v");
        var outcome = facts();
        try (var first = member(topic, topic); var second = member(topic, topic)) {
            shared(first);
            outcome.put("alone", first.held.toString());
            shared(first, second);
            untilStable(topic, 2, first, second);
            // Only what moves is taken away: the first member keeps the rest all the time.
            outcome.put("keeps", first.events.stream().noneMatch(
                    event -> event.equals("revoked [0, 1, 2, 3]")));
            outcome.put("state", description(topic).groupState().toString());
            first.consumer.commitSync();
            first.close();
            shared(second);
            clients.fill(topic, 4, 1, "later");
            Member.pollUntil("later records", () -> second.records.stream()
                    .filter(record -> Kit.text(record.value()).startsWith("later"))
                    .count() == 4, second);
        }
        outcome.put("committedCount", ((Map<?, ?>) committed(topic)).size());
        return outcome;
    }

    private Object assignors() throws Exception {
        var outcome = facts();
        for (var assignor : List.of("uniform", "range")) {
            var topic = "j-next-" + assignor;
            clients.createTopic(topic, 4);
            try (var first = member(topic, topic, "group.remote.assignor", assignor);
                    var second = member(topic, topic, "group.remote.assignor", assignor)) {
                shared(first, second);
                untilStable(topic, 2, first, second);
                var shares = new TreeSet<>(Set.of(first.held.toString(), second.held.toString()));
                outcome.put(assignor, assignor.equals("range") ? shares : shares.size());
                outcome.put(assignor + " named", description(topic).partitionAssignor());
            }
        }
        return outcome;
    }

    private Object staticMembers() throws Exception {
        var topic = "j-next-static";
        clients.createTopic(topic, 4);
        var outcome = facts();
        try (var one = member(topic, topic, "group.instance.id", "one")) {
            var two = member(topic, topic, "group.instance.id", "two");
            shared(one, two);
            untilStable(topic, 2, one, two);
            outcome.put("members", describeShares(topic));
            var before = two.held.toString();
            int eventsOfOne = one.events.size();
            two.close();
            outcome.put("afterLeave", describeShares(topic));
            try (var again = member(topic, topic, "group.instance.id", "two")) {
                shared(one, again);
                outcome.put("sameAssignment", again.held.toString().equals(before));
                outcome.put("otherUndisturbed", one.events.size() == eventsOfOne);
                outcome.put("unreleased", outcomeOf(() -> {
                    try (var third = member(topic, topic, "group.instance.id", "two")) {
                        Member.pollUntil("refusal", () -> false, third, again);
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
            shared(one);
        }
        return outcome;
    }

    /** Who holds how many: which partitions those are is the assignor's choice. */
    private Object describeShares(String group) throws Exception {
        var found = description(group);
        return facts("state", found.groupState().toString(), "members", found.members().stream()
                .map(member -> member.groupInstanceId().orElse("") + " "
                        + member.assignment().topicPartitions().size())
                .sorted().toList());
    }

    private Object regex() throws Exception {
        for (var name : List.of("j-regex-a", "j-regex-b", "j-regexp")) {
            clients.createTopic(name, 1);
            clients.fill(name, 1, 1, name);
        }
        var outcome = facts();
        try (var member = Member.ofPattern(clients, "j-next-regex", "j-regex-[ab]")) {
            Member.pollUntil("2 records", () -> member.records.size() >= 2, member);
            outcome.put("topics", List.copyOf(member.heldTopics));
            outcome.put("places", member.places());
            try (var other = Member.ofPattern(clients, "j-next-regex", "j-rege(x-a|xp)")) {
                Member.pollUntil("it has two", () -> other.heldTopics.contains("j-regexp"),
                        member, other);
                outcome.put("both", new TreeSet<>(other.heldTopics).contains("j-regexp"));
            }
        }
        for (var bad : List.of("(", "a{1001}", "(?=a)b", "\\1")) {
            outcome.put("bad " + bad, outcomeOf(() -> {
                try (var member = Member.ofPattern(clients, "j-next-regex-bad", bad)) {
                    Member.pollUntil("refusal", () -> false, member);
                    return null;
                }
            }));
        }
        return outcome;
    }

    /** A topic that is made later comes to those whose pattern it matches. */
    private Object regexGrows() throws Exception {
        clients.createTopic("j-grows-a", 1);
        try (var member = Member.ofPattern(clients, "j-next-grows", "j-grows-.*")) {
            Member.pollUntil("a topic", () -> member.heldTopics.size() == 1, member);
            clients.createTopic("j-grows-b", 1);
            Member.pollUntil("two topics", () -> member.heldTopics.size() == 2, member);
            return List.copyOf(member.heldTopics);
        }
    }

    /** A static member that goes keeps its partitions until its session is over. */
    private Object session() throws Exception {
        var topic = "j-next-session";
        clients.createTopic(topic, 4);
        try (var stays = member(topic, topic)) {
            var goes = member(topic, topic, "group.instance.id", "goes");
            shared(stays, goes);
            goes.close();
            var rightAfter = description(topic).members().size();
            shared(stays);
            return facts("rightAfter", rightAfter, "held", stays.held.toString(),
                    "after", description(topic).members().size());
        }
    }

    private Object typeOf(String group) throws Exception {
        var found = description(group);
        return found.type() + " " + found.members().stream()
                .map(member -> String.valueOf(member.upgraded().orElse(null))).sorted().toList();
    }

    /** Classic members, then both kinds, then the consumer protocol alone, and back again. */
    private Object mixed() throws Exception {
        var topic = "j-next-mixed";
        var sticky = new Object[] {"partition.assignment.strategy",
            ASSIGNORS + "CooperativeStickyAssignor"};
        clients.createTopic(topic, 4);
        clients.fill(topic, 4, 2, "v");
        var outcome = facts();
        var classic = new Member(clients, topic, topic, sticky);
        shared(classic);
        classic.consumer.commitSync();
        outcome.put("classic", typeOf(topic));
        var next = member(topic, topic);
        shared(classic, next);
        untilStable(topic, 2, classic, next);
        outcome.put("upgraded", typeOf(topic));
        clients.fill(topic, 4, 1, "both");
        Member.pollUntil("4 records", () -> classic.records.size() + next.records.size() >= 12,
                classic, next);
        classic.consumer.commitSync();
        next.consumer.commitSync();
        classic.close();
        shared(next);
        outcome.put("alone", typeOf(topic));
        var back = new Member(clients, topic, topic, sticky);
        shared(next, back);
        untilStable(topic, 2, next, back);
        outcome.put("mixedAgain", typeOf(topic));
        next.close();
        shared(back);
        untilStable(topic, 1, back);
        outcome.put("downgraded", typeOf(topic));
        clients.fill(topic, 4, 1, "last");
        Member.pollUntil("last records", () -> back.records.stream()
                .filter(record -> Kit.text(record.value()).startsWith("last"))
                .count() >= 4, back);
        back.consumer.commitSync();
        back.close();
        outcome.put("committed", committed(topic));
        return outcome;
    }

    /** Eager assignors go along too; one of its own making that the broker lacks as well. */
    private Object mixedEager() throws Exception {
        var outcome = facts();
        for (var assignor : List.of("RangeAssignor", "RoundRobinAssignor")) {
            var topic = "j-next-eager-" + assignor;
            clients.createTopic(topic, 4);
            var strategy = "partition.assignment.strategy";
            try (var classic = new Member(clients, topic, topic, strategy, ASSIGNORS + assignor)) {
                shared(classic);
                try (var next = member(topic, topic)) {
                    shared(classic, next);
                    untilStable(topic, 2, classic, next);
                    outcome.put(assignor, typeOf(topic));
                }
                shared(classic);
                untilStable(topic, 1, classic);
                outcome.put(assignor + " after", typeOf(topic));
            }
        }
        return outcome;
    }

    private Object delete(String group) {
        return outcomeOf(() -> admin.deleteConsumerGroups(List.of(group)).all().get());
    }

    private List<String> listed(GroupType type) throws Exception {
        var options = new ListGroupsOptions().withTypes(Set.of(type));
        return admin.listGroups(options).all().get().stream()
                .filter(group -> group.groupId().startsWith("j-next-admin"))
                .map(group -> group.groupId() + " " + group.type() + " " + group.protocol() + " "
                        + group.groupState())
                .sorted().toList();
    }

    private Object groupAdmin() throws Exception {
        var topic = "j-next-admin";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 3, "v");
        var place = new TopicPartition(topic, 0);
        var outcome = facts();
        var resource = new ConfigResource(ConfigResource.Type.GROUP, topic);
        var interval = new ConfigEntry("consumer.heartbeat.interval.ms", "150");
        var set = List.of(new AlterConfigOp(interval, AlterConfigOp.OpType.SET));
        outcome.put("configured", outcomeOf(
                () -> admin.incrementalAlterConfigs(Map.of(resource, set)).all().get()));
        try (var member = member(topic, topic)) {
            Member.pollUntil("3 records", () -> member.records.size() >= 3, member);
            untilStable(topic, 1, member);
            outcome.put("consumer", listed(GroupType.CONSUMER));
            outcome.put("classic", listed(GroupType.CLASSIC));
            outcome.put("delete", delete(topic));
            outcome.put("alter", outcomeOf(() -> admin.alterConsumerGroupOffsets(topic,
                    Map.of(place, new OffsetAndMetadata(0))).all().get()));
            outcome.put("deleteOffsets", outcomeOf(() ->
                    admin.deleteConsumerGroupOffsets(topic, Set.of(place)).all().get()));
            member.consumer.commitSync();
            outcome.put("describeClassic", outcomeOf(() ->
                    admin.describeClassicGroups(List.of(topic)).all().get()));
        }
        outcome.put("empty", listed(GroupType.CONSUMER));
        outcome.put("alterEmpty", outcomeOf(() -> admin.alterConsumerGroupOffsets(topic,
                Map.of(place, new OffsetAndMetadata(1))).all().get()));
        outcome.put("committed", committed(topic));
        outcome.put("deleted", delete(topic));
        outcome.put("afterDelete", listed(GroupType.CONSUMER));
        return outcome;
    }

    private Object join(String group, String topic, Object... settings) {
        return outcomeOf(() -> {
            try (var member = member(group, topic, settings)) {
                Member.pollUntil("an assignment", () -> !member.held.isEmpty(), member);
                return member.held.toString();
            }
        });
    }

    private Object errors() throws Exception {
        var topic = "j-next-errors";
        clients.createTopic(topic, 1);
        var outcome = facts("assignor", join(topic, topic, "group.remote.assignor", "no-such"),
                "describeUnknown", outcomeOf(() -> describe("j-next-no-such-group")),
                "rack", join(topic, topic, "client.rack", "rack-1"));
        try (var member = member(topic, topic)) {
            Member.pollUntil("an assignment", () -> !member.held.isEmpty(), member);
            var nine = Map.of(new TopicPartition(topic, 9), new OffsetAndMetadata(1));
            outcome.put("unknownPartition", outcomeOf(() -> {
                member.consumer.commitSync(nine, Duration.ofSeconds(2));
                return "committed";
            }));
        }
        return outcome;
    }

    /** Offsets in a transaction of a member of the consumer protocol. */
    private Object transactionalOffsets() throws Exception {
        var topic = "j-next-txn";
        clients.createTopic(topic, 1);
        clients.fill(topic, 1, 3, "v");
        var kit = new TransactionKit(clients);
        var place = new TopicPartition(topic, 0);
        var outcome = facts();
        try (var member = member(topic, topic); var producer = kit.producer(topic)) {
            Member.pollUntil("3 records", () -> member.records.size() >= 3, member);
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(2, "in txn")),
                    member.consumer.groupMetadata());
            outcome.put("pending", kit.committed(topic, false));
            producer.commitTransaction();
            kit.untilState(topic, "CompleteCommit");
            outcome.put("committed", kit.committed(topic, true));
        }
        return outcome;
    }

    /** The broker of this driver lets a group have three members. */
    private Object tooMany() throws Exception {
        var topic = "j-next-max-size";
        clients.createTopic(topic, 4);
        try (var one = member(topic, topic); var two = member(topic, topic);
                var three = member(topic, topic)) {
            untilStable(topic, 3, one, two, three);
            return join(topic, topic);
        }
    }
}
