"""No password is written down, and none works by default."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

_SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN$|AUTH$|API_KEY")


def _assignments(text: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^(\w+)=(.*)$", text))


def _example(root: Path) -> str:
    return (root / ".env.example").read_text(encoding="utf-8")


def test_every_password_is_required_and_empty_in_the_example(compose: Any, root: Path) -> None:
    passwords = {name for name in compose.variables if name.endswith("_PASSWORD")}

    assert compose.required == passwords
    assert _assignments(_example(root)) == dict.fromkeys(passwords, "")


def test_the_example_names_every_variable_of_the_compose_file_and_no_other(compose: Any, root: Path) -> None:
    named = set(re.findall(r"(?m)^#?([A-Z]\w+)=", _example(root)))

    assert named == compose.variables


def test_no_secret_is_written_in_the_compose_file(compose: Any) -> None:
    written = [
        (service, name)
        for service, content in compose.services.items()
        for name, value in content.get("environment", {}).items()
        if _SECRET_NAME.search(name) and value is not None and "${" not in value
    ]

    assert written == []


def test_no_secret_is_in_an_argument_that_a_list_of_processes_shows(compose: Any) -> None:
    for service in compose.services.values():
        arguments = [*service.get("command", []), *service.get("entrypoint", []), *service["healthcheck"]["test"]]

        assert not any(re.search(r"(?<!\$)\$\{?\w*(PASSWORD|SECRET|TOKEN)", argument) for argument in arguments)


def test_the_command_in_the_example_makes_a_private_file_with_a_password_each(
    compose: Any, root: Path, tmp_path: Path
) -> None:
    [command] = re.findall(r"(?m)^#\s+(\(umask .*)$", _example(root))
    (tmp_path / ".env.example").write_text(_example(root), encoding="utf-8")

    command = command.replace("python3", shlex.quote(sys.executable))
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, timeout=30)

    made = tmp_path / ".env"
    passwords = _assignments(made.read_text(encoding="utf-8"))
    assert passwords.keys() == compose.required
    assert len(set(passwords.values())) == len(passwords)
    assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords.values())
    assert made.stat().st_mode & 0o077 == 0


def test_git_does_not_track_the_passwords(root: Path) -> None:
    assert ".env" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
