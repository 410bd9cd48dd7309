"""Transactions with kafka-python: what readers see, offsets in them, fencing, time-outs."""

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from driver_kit import until
from group_scenarios import Member, committed, poll_until
from kit import place


def scenarios(kit):
    return {
        "txn-commit": lambda: commit(kit),
        "txn-abort": lambda: abort(kit),
        "txn-offsets": lambda: offsets(kit),
        "txn-fencing": lambda: fencing(kit),
        "txn-timeout": lambda: timeout(kit),
        "txn-admin": lambda: admin(kit),
    }


def transactional(kit, name, **settings):
    """A producer that has its transactional id."""
    producer = kit.producer(transactional_id=name, linger_ms=0, **settings)
    producer.init_transactions()
    return producer


def send(producer, topic, partitions, value):
    for partition in range(partitions):
        producer.send(topic, partition=partition, value=value.encode())
    producer.flush(timeout=30)


def ends(kit, topic, partitions, isolation):
    places = [TopicPartition(topic, i) for i in range(partitions)]
    consumer = kit.consumer(isolation_level=isolation)
    try:
        found = consumer.end_offsets(places)
        return [found[one] for one in places]
    finally:
        consumer.close()


def settle(kit, topic, partitions):
    """A producer does not wait until the markers of its transaction are written."""

    def is_settled():
        stable = ends(kit, topic, partitions, "read_committed")
        return stable == ends(kit, topic, partitions, "read_uncommitted")

    until(f"{topic} is settled", is_settled)


def view(kit, topic, partitions, isolation):
    places = [TopicPartition(topic, i) for i in range(partitions)]
    consumer = kit.consumer(isolation_level=isolation)
    messages = []

    def is_read():
        for records in consumer.poll(timeout_ms=50).values():
            messages.extend(records)
        return all(consumer.position(one) >= last[one] for one in places)

    try:
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        last = consumer.end_offsets(places)
        until(f"{topic} is read", is_read, pause=0)
    finally:
        consumer.close()
    messages.sort(key=lambda message: (message.partition, message.offset))
    return [place(message) for message in messages]


def views(kit, topic, partitions):
    return {
        "committed": view(kit, topic, partitions, "read_committed"),
        "uncommitted": view(kit, topic, partitions, "read_uncommitted"),
        "stable": ends(kit, topic, partitions, "read_committed"),
        "high": ends(kit, topic, partitions, "read_uncommitted"),
    }


def settled_views(kit, topic, partitions):
    settle(kit, topic, partitions)
    return views(kit, topic, partitions)


def outcome_of(work):
    try:
        work()
        return "done"
    except KafkaError as error:
        return type(error).__name__


def commit(kit):
    topic = "k-txn-commit"
    kit.create_topic(topic, 2)
    producer = transactional(kit, topic)
    producer.begin_transaction()
    send(producer, topic, 2, "a")
    opened = views(kit, topic, 2)
    producer.commit_transaction()
    after = settled_views(kit, topic, 2)
    producer.begin_transaction()
    send(producer, topic, 1, "b")
    producer.commit_transaction()
    again = settled_views(kit, topic, 2)
    producer.close()
    return {"open": opened, "after": after, "again": again}


def abort(kit):
    topic = "k-txn-abort"
    kit.create_topic(topic, 2)
    producer = transactional(kit, topic)
    outcome = {}
    for i, end in enumerate(("abort", "commit", "abort")):
        producer.begin_transaction()
        send(producer, topic, 2, f"t{i}")
        getattr(producer, f"{end}_transaction")()
        outcome[f"{i} {end}"] = settled_views(kit, topic, 2)
    producer.close()
    return outcome


def offsets(kit):
    topic = "k-txn-offsets"
    out = f"{topic}-out"
    kit.create_topic(topic, 2)
    kit.create_topic(out)
    kit.fill(topic, 2, 3)
    producer = transactional(kit, topic)
    member = Member(kit, topic, topic)
    poll_until("6 records", lambda: len(member.messages) >= 6, member)
    positions = {TopicPartition(topic, i): OffsetAndMetadata(3, "in txn", -1) for i in range(2)}

    def copy(value):
        producer.begin_transaction()
        send(producer, out, 1, value)
        producer.send_offsets_to_transaction(positions, member.consumer.group_metadata())

    copy("copied")
    pending = committed(kit, topic)
    producer.abort_transaction()
    settle(kit, out, 1)
    aborted = committed(kit, topic)
    copy("copied again")
    producer.commit_transaction()
    settle(kit, out, 1)
    until("the offsets", lambda: committed(kit, topic))
    producer.close()
    member.close()
    return {
        "pending": pending,
        "aborted": aborted,
        "committed": committed(kit, topic),
        "out": views(kit, out, 1),
    }


def fencing(kit):
    topic = "k-txn-fencing"
    kit.create_topic(topic)
    zombie = transactional(kit, topic)
    zombie.begin_transaction()
    send(zombie, topic, 1, "zombie")
    following = transactional(kit, topic)
    fenced = outcome_of(zombie.commit_transaction)
    following.begin_transaction()
    send(following, topic, 1, "next")
    following.commit_transaction()
    following.close()
    return {"fenced": fenced, "after": settled_views(kit, topic, 1)}


def timeout(kit):
    topic = "k-txn-timeout"
    kit.create_topic(topic)
    producer = transactional(kit, topic, transaction_timeout_ms=500)
    producer.begin_transaction()
    send(producer, topic, 1, "late")
    settle(kit, topic, 1)
    return {"commit": outcome_of(producer.commit_transaction), "views": views(kit, topic, 1)}


def admin(kit):
    topic = "k-txn-admin"
    kit.create_topic(topic)
    producer = transactional(kit, topic)
    producer.begin_transaction()
    send(producer, topic, 1, "open")
    described = kit.admin.describe_transactions([topic])
    listed = kit.admin.list_transactions()
    producers = kit.admin.describe_producers([TopicPartition(topic, 0)])
    producer.abort_transaction()
    producer.close()
    return {
        "described": "Ongoing" in str(described),
        "listed": topic in str(listed),
        "producers": len(producers),
    }
