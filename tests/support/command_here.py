"""The ``memos`` command in this process, for tests that would load a model in one process after the other."""

from typer.testing import CliRunner

from memos.cli.main import app
from memos.settings import Settings
from tests.support.command import Finished


def run_here(*arguments: str, stdin: bytes = b"", **environment: str) -> Finished:
    """Run ``memos`` to its end; an error of ours is raised. What is typed is repeated on standard output."""
    ran = CliRunner().invoke(app, arguments, input=stdin, env={"COLUMNS": "80", **environment})
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return Finished(code=ran.exit_code, out=ran.stdout, err=ran.stderr)


def environment_of(settings: Settings) -> dict[str, str]:
    """What has a command work on these stores, for this tenant."""
    return {
        "MEMOS_DATA_DIR": str(settings.data_dir),
        "MEMOS_TENANT": settings.tenant,
        "MEMOS_NEO4J_URL": str(settings.neo4j_url),
        "MEMOS_NEO4J_USER": settings.neo4j_user,
        "MEMOS_NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "MEMOS_NEO4J_DATABASE": settings.neo4j_database,
        "MEMOS_MILVUS_URL": str(settings.milvus_url),
        "MEMOS_MILVUS_COLLECTION": settings.milvus_collection,
    }
