import socket
import subprocess
import sys
from subprocess import PIPE

from memos.local.ports import LOOPBACK, choose_ports


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    free = choose_ports(["valkey"], {})["valkey"]
    assert choose_ports(["valkey"], {"valkey": free}) == {"valkey": free}


def test_another_port_is_taken_when_the_preferred_one_is_in_use() -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = int(taken.getsockname()[1])
        assert choose_ports(["valkey"], {"valkey": port})["valkey"] != port


def test_a_port_bound_on_all_interfaces_counts_as_taken() -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = int(taken.getsockname()[1])
        assert choose_ports(["valkey"], {"valkey": port})["valkey"] != port


def test_two_names_never_share_a_port() -> None:
    free = choose_ports(["one"], {})["one"]
    ports = choose_ports(["one", "two", "three"], {"one": free, "two": free})
    assert len(set(ports.values())) == 3


def test_a_port_that_another_process_has_chosen_is_left_to_it() -> None:
    program = (
        "import sys; from memos.local.ports import choose_ports\n"
        "print(choose_ports(['bolt'], {})['bolt'], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=PIPE, stdout=PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        assert choose_ports(["bolt"], {"bolt": theirs})["bolt"] != theirs
    assert choose_ports(["bolt"], {"bolt": theirs})["bolt"] == theirs
