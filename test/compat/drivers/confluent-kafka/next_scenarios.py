"""Consumer groups with confluent-kafka: the consumer protocol of KIP-848, and both at once."""

from confluent_kafka import ConsumerGroupType, TopicPartition
from driver_kit import until
from group_scenarios import Member, committed, poll_until
from kit import outcome_of


def scenarios(kit):
    return {
        "next-single": lambda: single(kit),
        "next-two-members": lambda: two_members(kit),
        "next-static": lambda: static_members(kit),
        "next-regex": lambda: regex(kit),
        "next-mixed": lambda: mixed(kit),
        "next-errors": lambda: errors(kit),
        "next-txn-offsets": lambda: transactional_offsets(kit),
    }


def join(kit, group, topic, **settings):
    return Member(kit, group, topic, group_protocol="consumer", **settings)


def describe(kit, group):
    found = kit.admin.describe_consumer_groups([group])[group].result()
    return {
        "state": found.state.name,
        "type": found.type.name,
        "assignor": found.partition_assignor,
        "members": sorted(
            f"{m.client_id} {m.group_instance_id} "
            f"{sorted(p.partition for p in m.assignment.topic_partitions)} "
            f"{sorted(p.partition for p in m.target_assignment.topic_partitions)}"
            for m in found.members
        ),
    }


def type_of(kit, group):
    return kit.admin.describe_consumer_groups([group])[group].result().type.name


def shared(count, *members):
    """Until each of the members has its share, and together they have all."""

    def is_shared():
        held = [member.held() for member in members]
        everything = sorted(partition for one in held for partition in one)
        return everything == list(range(4)) and all(len(one) == count for one in held)

    poll_until("equal shares", is_shared, *members)


def single(kit):
    topic = "c-next-single"
    kit.create_topic(topic, 4)
    kit.fill(topic, 4, 5)
    member = join(kit, topic, topic)
    poll_until("20 records", lambda: len(member.messages) >= 20, member)
    during = describe(kit, topic)
    member.consumer.commit(asynchronous=False)
    member.close()
    listed = kit.admin.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result().valid
    return {
        "during": during,
        "after": describe(kit, topic),
        "committed": committed(kit, topic),
        "listed": [f"{g.state.name} {g.type.name}" for g in listed if g.group_id == topic],
    }


def two_members(kit):
    topic = "c-next-two"
    kit.create_topic(topic, 4)
    kit.fill(topic, 4, 5)
    first = join(kit, topic, topic)
    shared(4, first)
    # It has offsets to commit only where it has read something.
    poll_until("20 records", lambda: len(first.messages) >= 20, first)
    second = join(kit, topic, topic, group_remote_assignor="range")
    shared(2, first, second)
    first.consumer.commit(asynchronous=False)
    first.close()
    shared(4, second)
    kit.fill(topic, 4, 1, "later")

    def later():
        return [place for place in second.places() if "later" in place]

    poll_until("later records", lambda: len(later()) == 4, second)
    second.close()
    return {"later": later()}


def static_members(kit):
    topic = "c-next-static"
    kit.create_topic(topic, 4)
    one = join(kit, topic, topic, group_instance_id="one")
    two = join(kit, topic, topic, group_instance_id="two")
    shared(2, one, two)
    before = two.held()
    two.close()
    again = join(kit, topic, topic, group_instance_id="two")
    shared(2, one, again)
    same = again.held() == before
    again.close()
    one.close()
    return {"same": same}


def regex(kit):
    for name in ("c-regex-a", "c-regex-b", "c-regexp"):
        kit.create_topic(name)
        kit.fill(name, 1, 1, name)
    member = join(kit, "c-next-regex", "^c-regex-[ab]")
    poll_until("2 records", lambda: len(member.messages) >= 2, member)
    places = member.places()
    member.close()
    return {"places": places}


def mixed(kit):
    topic = "c-next-mixed"
    kit.create_topic(topic, 4)
    classic = Member(kit, topic, topic, partition_assignment_strategy="cooperative-sticky")
    shared(4, classic)
    following = join(kit, topic, topic)
    shared(2, classic, following)
    outcome = {"both": type_of(kit, topic)}
    classic.close()
    shared(4, following)
    back = Member(kit, topic, topic, partition_assignment_strategy="cooperative-sticky")
    shared(2, following, back)
    following.close()
    shared(4, back)
    outcome["back"] = type_of(kit, topic)
    back.close()
    return outcome


def errors(kit):
    topic = "c-next-errors"
    kit.create_topic(topic)

    def wrong_assignor():
        member = join(kit, topic, topic, group_remote_assignor="no-such")
        try:
            poll_until("a refusal", lambda: False, member)
        finally:
            member.close()

    return {"assignor": outcome_of(wrong_assignor)}


def transactional_offsets(kit):
    topic = "c-next-txn"
    kit.create_topic(topic)
    kit.fill(topic, 1, 3)
    member = join(kit, topic, topic)
    poll_until("3 records", lambda: len(member.messages) >= 3, member)
    producer = kit.producer(transactional_id=topic)
    producer.init_transactions(30)
    producer.begin_transaction()
    metadata = member.consumer.consumer_group_metadata()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 2)], metadata, 30)
    pending = committed(kit, topic)
    producer.commit_transaction(30)
    until("the offset", lambda: committed(kit, topic))
    member.close()
    return {"pending": pending, "committed": committed(kit, topic)}
