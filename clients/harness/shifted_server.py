"""Serve in memory, any pool, with a clock that is some seconds ahead, until told to stop."""  # noqa: INP001

import signal
import sys

from keepstep.server.assembly import system_clock
from keepstep.testing import local_server

MILLISECONDS = int(sys.argv[1]) * 1000
STOPS = {signal.SIGINT, signal.SIGTERM}

# Blocked before the server's thread is started, so that a stop waits for ``sigwait``.
signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
with local_server(clock=lambda: system_clock() + MILLISECONDS) as server:
    lines = [
        f"export AWS_ENDPOINT_URL={server.endpoint_url}",
        f"export AWS_DEFAULT_REGION={server.region}",
        f"export AWS_ACCESS_KEY_ID={server.access_key_id}",
        f"export AWS_SECRET_ACCESS_KEY={server.secret_access_key}",
        "aws cognito-sync list-identity-pool-usage",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    signal.sigwait(STOPS)
