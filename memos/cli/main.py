"""The ``memos`` command. Exit status: 0 done, 1 failed, 2 the user's input was wrong, 130 interrupted."""

import atexit
import gc
import sys

import typer

from memos.cli import (
    chaos,
    config,
    demo,
    dlq,
    graph,
    index,
    jobs,
    memory,
    metrics,
    models,
    organize,
    prune,
    stack,
    tenants,
)
from memos.cli.bench import app as bench_app
from memos.cli.output import print_error
from memos.errors import AccessDenied, InvalidRequest, MemosError, NotFound, QuotaExceeded

app = typer.Typer(
    name="memos",
    help="A memory operating system for LLM applications.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
memory.register(app)
stack.register(app)
demo.register(app)
prune.register(app)
organize.register(app)
chaos.register(app)
metrics.register(app)
app.add_typer(jobs.app, name="jobs", help="Look at jobs and act on them.")
app.add_typer(dlq.app, name="dlq", help="Dead letters: look at them, run them again, drop them.")
app.add_typer(tenants.app, name="tenants", help="Tenants' shares and limits.")
app.add_typer(index.app, name="index", help="The index over memories: compare it with the graph, make it anew.")
app.add_typer(graph.app, name="graph", help="What a cube's graph holds.")
app.add_typer(models.app, name="models", help="Models that need no hub.")
app.add_typer(config.app, name="config", help="What this process is configured with.")
app.add_typer(bench_app, name="bench", help="Measure this installation; prints, asserts nothing.")

_USERS_MISTAKES = (InvalidRequest, NotFound, AccessDenied, QuotaExceeded)


def main() -> None:
    """Run the command; a wrong command line or an error of ours is one line, never a traceback."""
    atexit.register(gc.freeze)  # a last collection would go through all that a model's packages are made of, for 1.5 s
    try:
        sys.exit(app(standalone_mode=False))
    except typer.TyperException as error:
        sys.exit(_explain_usage(error))
    except MemosError as error:
        print_error(str(error))
        sys.exit(2 if isinstance(error, _USERS_MISTAKES) else 1)
    except typer.Abort:
        print_error("nothing was done: nobody answered; --yes does it without asking")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)


def _explain_usage(error: typer.TyperException) -> int:
    """Without a message the help was wanted, and has been shown."""
    message = error.format_message().rstrip(".")
    if message:
        print_error(f"{message}; --help after the command shows what it takes")
    return error.exit_code


if __name__ == "__main__":
    main()
