"""Why an address cannot be listened on, and what to do about it."""

import gc
import socket
from collections.abc import Iterator

import pytest

from digipoort_wus.errors import ConfigurationError
from digipoort_wus.server.listening import listen_on
from digipoort_wus.server.reactor import Reactor
from digipoort_wus.testing.reactor_thread import ReactorThread

# Twisted 26.4 leaves the socket of an address that it could not take to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    with ReactorThread() as running:
        yield running.reactor
    gc.collect()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
def test_an_address_of_another_machine_is_told_from_a_port_in_use(
    reactor: Reactor, host: str
) -> None:
    with pytest.raises(ConfigurationError, match="Name an address of this machine") as caught:
        listen_on(reactor, host, 0, object())
    assert "port;" not in str(caught.value)


def test_a_port_in_use(reactor: Reactor) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(ConfigurationError, match=r"Address already in use\. Choose another"),
    ):
        listen_on(reactor, "127.0.0.1", other.getsockname()[1], object())
