"""What the Python drivers share: running scenarios with a deadline, and waiting for conditions."""

import hashlib
import json
import os
import sys
import threading
import time
import traceback

T0 = 1_700_000_000_000
SCENARIO_DEADLINE_SECONDS = 150


def run_scenarios(scenarios):
    """Runs all scenarios, or those named on the command line; prints a JSON line for each."""
    names = sys.argv[2:]
    for name, scenario in scenarios.items():
        if names and name not in names:
            continue
        outcome = {"failed": f"not within {SCENARIO_DEADLINE_SECONDS} s"}
        result = {}
        thread = threading.Thread(target=_run, args=(scenario, result), daemon=True)
        thread.start()
        thread.join(SCENARIO_DEADLINE_SECONDS)
        outcome = result.get("outcome", outcome)
        print(json.dumps({name: outcome}, ensure_ascii=False, default=str), flush=True)
    sys.stderr.flush()
    # Threads of a scenario that hung must not keep the driver alive.
    os._exit(0)


def _run(scenario, result):
    try:
        result["outcome"] = scenario()
    except Exception as error:
        traceback.print_exc()
        result["outcome"] = {"failed": f"{type(error).__name__}: {error}"}


def until(what, condition, seconds=30, pause=0.01):
    """Asks again and again; `pause` is 0 where the condition itself waits for something."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not in time")
        time.sleep(pause)


def digest(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def text(data):
    return None if data is None else data.decode()
