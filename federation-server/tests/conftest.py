import sys
from pathlib import Path

here = Path(__file__).parent
sys.path[:0] = [str(here), str(here.parent)]

from flwr.supercore.task_identity import TaskIdentity  # noqa: E402

# flwr's messages carry the ids of the task that runs; in a ServerApp flwr sets them.
TaskIdentity.run_id, TaskIdentity.task_id, TaskIdentity.node_id = 5, 42, 1
