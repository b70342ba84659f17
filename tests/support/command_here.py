"""The ``memos`` command in this process, for tests that would load a model in one process after the other."""

from typer.testing import CliRunner

from memos.cli.main import app
from tests.support.command import Finished


def run_here(*arguments: str, stdin: bytes = b"", **environment: str) -> Finished:
    """Run ``memos`` to its end; an error of ours is raised. What is typed is repeated on standard output."""
    ran = CliRunner().invoke(app, arguments, input=stdin, env={"COLUMNS": "80", **environment})
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return Finished(code=ran.exit_code, out=ran.stdout, err=ran.stderr)
