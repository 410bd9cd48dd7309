"""Consumer groups with kafka-python: the classic protocol."""

import re

from kafka import TopicPartition
from kafka.admin import OffsetSpec
from kafka.structs import OffsetAndMetadata
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from driver_kit import until
from kit import outcome_of, place, plain_value


def scenarios(kit):
    return {
        "group-single": lambda: single(kit),
        "group-two-members": lambda: two_members(kit, "k-two", RangePartitionAssignor),
        "group-cooperative": lambda: two_members(
            kit, "k-cooperative", CooperativeStickyAssignor
        ),
        "group-assignors": lambda: assignors(kit),
        "group-resume": lambda: resume(kit),
        "group-static": lambda: static_members(kit),
        "group-offsets": lambda: group_offsets(kit),
        "group-admin": lambda: group_admin(kit),
    }


class Member:
    """A consumer in a group, with what it was given."""

    def __init__(self, kit, group, topic, **settings):
        self.consumer = kit.consumer(group_id=group, **settings)
        # kafka-python 3.0.12 has a race: a leader whose metadata arrives while it assigns gives
        # itself nothing and believes that all is well. So the topic is known before it joins.
        until(topic, lambda: self.consumer.partitions_for_topic(topic))
        self.consumer.subscribe([topic])
        self.messages = []

    def poll(self):
        for records in self.consumer.poll(timeout_ms=100).values():
            self.messages.extend(records)

    def held(self):
        return sorted(place.partition for place in self.consumer.assignment())

    def places(self):
        return sorted(place(message) for message in self.messages)

    def close(self):
        self.consumer.close()


def poll_until(what, condition, *members):
    def step():
        for member in members:
            member.poll()
        return condition()

    until(what, step, pause=0)


def committed(kit, group):
    found = kit.admin.list_group_offsets({group: None})[group]
    return sorted(
        f"{p.topic}-{p.partition}: {o.offset} '{o.metadata}' {o.leader_epoch}"
        for p, o in found.items()
    )


def describe(kit, group):
    """The description with what differs from run to run replaced."""
    described = str(plain_value(kit.admin.describe_groups([group])[group]))
    described = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "UUID", described)
    return re.sub(r"'member_(metadata|assignment)': .*?}", r"'member_\1': ...}", described)


def single(kit):
    topic = "k-group-single"
    kit.create_topic(topic, 4)
    kit.fill(topic, 4, 5)
    member = Member(kit, "k-single", topic)
    poll_until("20 records", lambda: len(member.messages) >= 20, member)
    during = describe(kit, "k-single")
    member.consumer.commit()
    member.close()
    return {
        "during": during,
        "after": describe(kit, "k-single"),
        "committed": committed(kit, "k-single"),
    }


def two_members(kit, topic, assignor):
    kit.create_topic(topic, 4)
    kit.fill(topic, 4, 5)
    settings = {"partition_assignment_strategy": [assignor]}
    first = Member(kit, topic, topic, **settings)
    poll_until("the first has all", lambda: len(first.held()) == 4, first)
    second = Member(kit, topic, topic, **settings)
    poll_until(
        "each has two", lambda: len(first.held()) == 2 and len(second.held()) == 2, first, second
    )
    together = sorted(first.held() + second.held())
    first.close()
    poll_until("the second has all", lambda: len(second.held()) == 4, second)
    kit.fill(topic, 4, 1, "later")

    def later():
        return [place for place in second.places() if "later" in place]

    poll_until("later records", lambda: len(later()) == 4, second)
    second.close()
    return {"together": together, "later": later()}


def assignors(kit):
    topic = "k-assignor-roundrobin"
    kit.create_topic(topic, 4)
    settings = {"partition_assignment_strategy": [RoundRobinPartitionAssignor]}
    members = [Member(kit, topic, topic, **settings) for _ in range(2)]
    poll_until("each has two", lambda: all(len(m.held()) == 2 for m in members), *members)
    shares = sorted(str(member.held()) for member in members)
    for member in members:
        member.close()
    return shares


def resume(kit):
    topic = "k-group-resume"
    kit.create_topic(topic, 2)
    outcome = {}
    for round_name in ("a", "b"):
        kit.fill(topic, 2, 3, round_name)
        member = Member(kit, topic, topic, enable_auto_commit=True)
        poll_until("6 records", lambda: len(member.messages) >= 6, member)
        member.close()
        outcome[round_name] = member.places()
    outcome["committed"] = committed(kit, topic)
    return outcome


def static_members(kit):
    topic = "k-group-static"
    kit.create_topic(topic, 4)
    one = Member(kit, topic, topic, group_instance_id="one")
    poll_until("one has all", lambda: len(one.held()) == 4, one)
    two = Member(kit, topic, topic, group_instance_id="two")
    poll_until("each has two", lambda: len(one.held()) == 2 and len(two.held()) == 2, one, two)
    before = two.held()
    two.close()
    again = Member(kit, topic, topic, group_instance_id="two")
    poll_until("two is back", lambda: len(again.held()) == 2, one, again)
    same = again.held() == before
    again.close()
    one.close()
    return {"same": same}


def group_offsets(kit):
    topic = "k-group-offsets"
    group = "k-offsets-group"
    kit.create_topic(topic, 2)
    kit.fill(topic, 2, 5)
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    altered = {
        zero: OffsetAndMetadata(3, "by hand", -1),
        one: OffsetAndMetadata(1, "", -1),
    }
    none = committed(kit, group)
    set_ = outcome_of(lambda: kit.admin.alter_group_offsets(group, altered))
    after_set = committed(kit, group)
    member = Member(kit, group, topic)
    poll_until("6 records", lambda: len(member.messages) >= 6, member)
    member.close()

    def reset(specs):
        return outcome_of(lambda: kit.admin.reset_group_offsets(group, specs))

    return {
        "none": none,
        "set": set_,
        "after_set": after_set,
        "resumed": member.places(),
        "reset": reset({zero: OffsetSpec.LATEST, one: OffsetSpec.EARLIEST}),
        "after_reset": committed(kit, group),
        "deleted": outcome_of(lambda: kit.admin.delete_group_offsets(group, [zero])),
        "after_delete": committed(kit, group),
        "unknown_group": outcome_of(lambda: kit.admin.delete_group_offsets("k-none", [zero])),
    }


def group_admin(kit):
    topic = "k-group-admin"
    group = "k-admin"
    kit.create_topic(topic)
    kit.fill(topic, 1, 1)

    def listed(**filters):
        return [one for one in plain_value(kit.admin.list_groups(**filters)) if group in str(one)]

    def delete(name):
        return outcome_of(lambda: kit.admin.delete_groups([name]))

    member = Member(kit, group, topic)
    poll_until("a record", lambda: len(member.messages) >= 1, member)
    during = {
        "stable": listed(states_filter=["Stable"]),
        "empty": listed(states_filter=["Empty"]),
        "delete": delete(group),
    }
    member.close()
    return {
        "during": during,
        "after": listed(),
        "deleted": delete(group),
        "after_delete": listed(),
        "unknown": delete("k-no-such-group"),
        "describe_unknown": outcome_of(lambda: describe(kit, "k-no-such-group")),
    }
