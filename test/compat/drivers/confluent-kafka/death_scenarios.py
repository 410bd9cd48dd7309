"""A leader that dies while librdkafka writes and reads: see cluster/scenarios/clients.ts."""

import time

from driver_kit import text, until
from group_scenarios import Member


def scenarios(kit):
    return {"leader-death": lambda: leader_death(kit, "death-librdkafka", 300)}


def leader_death(kit, topic, count):
    member = Member(kit, f"group-of-{topic}", topic)
    producer = kit.producer(enable_idempotence=True, delivery_timeout_ms=60000)
    errors = []

    def delivered(error, _message):
        if error:
            errors.append(error.name())

    for index in range(count):
        producer.produce(topic, partition=0, value=f"v{index}", on_delivery=delivered)
        producer.flush(60)
        member.poll()
        time.sleep(0.01)

    def places():
        return {message.offset(): text(message.value()) for message in member.messages}

    def all_read():
        member.poll()
        return len(places()) >= count

    until("all are read", all_read, seconds=50, pause=0)
    member.consumer.close()
    values = [value for _, value in sorted(places().items())]
    same = values == [f"v{index}" for index in range(count)]
    return {"written": count - len(errors), "read": len(values), "same": same}
