"""Consumer groups with confluent-kafka: the classic protocol."""

from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition
from driver_kit import until
from kit import outcome_of, place


def scenarios(kit):
    return {
        "group-single": lambda: single(kit),
        "group-two-members": lambda: two_members(kit, "c-two", "range"),
        "group-cooperative": lambda: two_members(kit, "c-cooperative", "cooperative-sticky"),
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
        self.messages = []
        self.consumer.subscribe([topic])

    def poll(self):
        message = self.consumer.poll(0.02)
        if message is None:
            return
        if message.error():
            raise KafkaException(message.error())
        self.messages.append(message)

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
    asked = [ConsumerGroupTopicPartitions(group)]
    answer = kit.admin.list_consumer_group_offsets(asked)[group].result()
    return sorted(
        f"{p.topic}-{p.partition}: {p.offset} '{p.metadata}'" for p in answer.topic_partitions
    )


def describe(kit, group):
    described = kit.admin.describe_consumer_groups([group], include_authorized_operations=True)
    found = described[group].result()
    return {
        "state": found.state.name,
        "simple": found.is_simple_consumer_group,
        "assignor": found.partition_assignor,
        "coordinator": found.coordinator.id,
        "operations": sorted(operation.name for operation in found.authorized_operations),
        "members": sorted(
            f"{m.client_id} {m.host} {m.group_instance_id} "
            f"{sorted(p.partition for p in m.assignment.topic_partitions)}"
            for m in found.members
        ),
    }


def single(kit):
    topic = "c-group-single"
    kit.create_topic(topic, 4)
    kit.fill(topic, 4, 5)
    member = Member(kit, "c-single", topic)
    poll_until("20 records", lambda: len(member.messages) >= 20, member)
    during = describe(kit, "c-single")
    member.consumer.commit(asynchronous=False)
    member.close()
    return {
        "during": during,
        "after": describe(kit, "c-single"),
        "committed": committed(kit, "c-single"),
    }


def two_members(kit, topic, assignor):
    kit.create_topic(topic, 4)
    kit.fill(topic, 4, 5)
    settings = {"partition_assignment_strategy": assignor}
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
    outcome = {}
    for assignor in ("range", "roundrobin"):
        topic = f"c-assignor-{assignor}"
        kit.create_topic(topic, 4)
        settings = {"partition_assignment_strategy": assignor}
        members = [Member(kit, topic, topic, **settings) for _ in range(2)]
        poll_until("each has two", lambda: all(len(m.held()) == 2 for m in members), *members)
        outcome[assignor] = sorted(str(member.held()) for member in members)
        for member in members:
            member.close()
    return outcome


def resume(kit):
    topic = "c-group-resume"
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
    topic = "c-group-static"
    kit.create_topic(topic, 4)
    one = Member(kit, topic, topic, group_instance_id="one")
    two = Member(kit, topic, topic, group_instance_id="two")
    poll_until("each has two", lambda: len(one.held()) == 2 and len(two.held()) == 2, one, two)
    before = two.held()
    described = describe(kit, topic)
    two.close()
    after = describe(kit, topic)
    again = Member(kit, topic, topic, group_instance_id="two")
    poll_until("two is back", lambda: len(again.held()) == 2, one, again)
    same = again.held() == before
    again.close()
    one.close()
    return {"described": described, "after": after, "same": same}


def group_offsets(kit):
    topic = "c-group-offsets"
    group = "c-offsets"
    kit.create_topic(topic, 2)
    kit.fill(topic, 2, 5)

    def alter(*places):
        asked = [ConsumerGroupTopicPartitions(group, list(places))]
        altered = kit.admin.alter_consumer_group_offsets(asked)[group]
        return outcome_of(
            lambda: [str(p.error and p.error.name()) for p in altered.result().topic_partitions]
        )

    none = committed(kit, group)
    set_ = alter(TopicPartition(topic, 0, 3), TopicPartition(topic, 1, 1))
    member = Member(kit, group, topic)
    poll_until("6 records", lambda: len(member.messages) >= 6, member)
    position = sorted(f"{p.partition}@{p.offset}" for p in member.consumer.position(
        [TopicPartition(topic, 0), TopicPartition(topic, 1)]
    ))
    member.close()
    return {
        "none": none,
        "set": set_,
        "resumed": member.places(),
        "position": position,
        "committed": committed(kit, group),
        "unknown_partition": alter(TopicPartition(topic, 9, 1)),
    }


def group_admin(kit):
    topic = "c-group-admin"
    group = "c-admin"
    kit.create_topic(topic)
    kit.fill(topic, 1, 1)

    def listed(*states):
        answer = kit.admin.list_consumer_groups(states=set(states)).result()
        return [
            f"{g.group_id} {g.is_simple_consumer_group} {g.state.name} {g.type.name}"
            for g in answer.valid
            if g.group_id == group
        ]

    def delete(name):
        futures = kit.admin.delete_consumer_groups([name])
        return outcome_of(lambda: futures[name].result())

    member = Member(kit, group, topic)
    poll_until("a record", lambda: len(member.messages) >= 1, member)
    during = {
        "stable": listed(ConsumerGroupState.STABLE),
        "empty": listed(ConsumerGroupState.EMPTY),
        "delete": delete(group),
    }
    member.close()
    return {
        "during": during,
        "after": listed(),
        "deleted": delete(group),
        "after_delete": listed(),
        "unknown": delete("c-no-such-group"),
        "describe_unknown": outcome_of(lambda: describe(kit, "c-no-such-group")),
    }
