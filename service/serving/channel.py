"""The channel to the model processes: how gRPC spreads calls over them, and how soon it notices that one is gone.

Source: gRPC documentation, "Custom Load Balancing Policies", "Health Checking", "Keepalive", "gRPC Name Resolution".
"""

from __future__ import annotations

import json
from typing import Any

import grpc

from service.addresses import may_be_several
from service.observability.call_metrics import SERVICE
from service.serving import codec

# A process that hangs, or a machine that is gone, answers no ping: its calls end as unavailable after both together.
PING_EVERY_S = 5.0
PING_ANSWER_S = 5.0

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", codec.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", codec.MAX_MESSAGE_BYTES),
    # A model process that restarts is found again within a second; the default would wait for many.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # In spite of its name: how long one attempt to connect may take. A busy processor needs more than a moment.
    ("grpc.min_reconnect_backoff_ms", 2000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", int(PING_EVERY_S * 1000)),
    ("grpc.keepalive_timeout_ms", int(PING_ANSWER_S * 1000)),
    # This bound is what ends a connection in fact; its default is a minute.
    ("grpc.http2.ping_timeout_ms", int(PING_ANSWER_S * 1000)),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # Names are looked up again when a connection ends, which servers see to (`server.OPTIONS`).
    ("grpc.dns_min_time_between_resolutions_ms", 5000),
]


def open_channel(target: str) -> Any:
    """A channel that gives calls to the processes behind a target in turn.

    Where there can be several, only those get any whose health says that they are ready: one that starts or drains is
    passed over without a call having to find out. A single one is asked in any case, since it says more about why not.

    Args:
        target: as `addresses.grpc_target` gives it.
    """
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if may_be_several(target):
        config["healthCheckConfig"] = {"serviceName": SERVICE}
    return grpc.insecure_channel(target, options=[*_OPTIONS, ("grpc.service_config", json.dumps(config))])
