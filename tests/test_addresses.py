"""Addresses of model processes, as people write them."""

from __future__ import annotations

import pytest

from service.addresses import grpc_target, may_be_several
from service.config import SettingsError, load


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("", ""),
        ("unix:/run/model.sock", "unix:/run/model.sock"),
        ("model:50051", "model:50051"),
        ("dns:///model:50051", "dns:///model:50051"),
        ("ipv4:10.0.0.1:1,10.0.0.2:2", "ipv4:10.0.0.1:1,10.0.0.2:2"),
        ("10.0.0.1:50051 10.0.0.2:50051", "ipv4:10.0.0.1:50051,10.0.0.2:50051"),
        ("10.0.0.1:50051, 10.0.0.2:50052", "ipv4:10.0.0.1:50051,10.0.0.2:50052"),
        ("[fd00::1]:50051 [fd00::2]:50051", "ipv6:[fd00::1]:50051,[fd00::2]:50051"),
    ],
)
def test_an_address_is_a_target(written: str, target: str) -> None:
    """One address is passed on as it is, and a list becomes a target of its family."""
    assert grpc_target(written) == target


@pytest.mark.parametrize(
    "written",
    [
        "one:50051 two:50051",
        "10.0.0.1:1 [fd00::1]:1",
        "10.0.0.1 10.0.0.2:1",
        "10.0.0.1:0 10.0.0.2:1",
        "fd00::1:5 [fd00::1]:5",
    ],
)
def test_a_list_of_something_else_is_refused(written: str) -> None:
    """The start ends with the name of the setting."""
    with pytest.raises(SettingsError, match="PRECIS_MODEL_ADDRESS"):
        load({"PRECIS_MODEL_ADDRESS": written})


def test_only_a_socket_of_this_machine_is_surely_one() -> None:
    """A name may have several addresses now or later."""
    assert not may_be_several("unix:/run/model.sock")
    assert may_be_several("model:50051")
    assert load({"PRECIS_MODEL_ADDRESS": "10.0.0.1:1 10.0.0.2:1"}).model_target == "ipv4:10.0.0.1:1,10.0.0.2:1"
