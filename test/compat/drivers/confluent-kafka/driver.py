"""confluent-kafka (librdkafka): the shared scenarios as far as its clients can follow them."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))

from driver_kit import run_scenarios  # noqa: E402
import admin_scenarios  # noqa: E402
import data_scenarios  # noqa: E402
import death_scenarios  # noqa: E402
import group_scenarios  # noqa: E402
import next_scenarios  # noqa: E402
import share_scenarios  # noqa: E402
import transaction_scenarios  # noqa: E402
from kit import Kit  # noqa: E402

kit = Kit(sys.argv[1])
run_scenarios(
    {
        **admin_scenarios.scenarios(kit),
        **data_scenarios.scenarios(kit),
        **group_scenarios.scenarios(kit),
        **transaction_scenarios.scenarios(kit),
        **next_scenarios.scenarios(kit),
        **share_scenarios.scenarios(kit),
        # For clusters only, where somebody kills a node meanwhile.
        **(death_scenarios.scenarios(kit) if "leader-death" in sys.argv else {}),
    }
)
