"""What to say when a model is wanted and the packages that run models are not installed."""

from importlib.util import find_spec

from memos.errors import InvalidConfig


def require_local_extra(what: str, *modules: str) -> None:
    """Raises InvalidConfig, naming the missing ones, unless all modules are installed. Imports none of them."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InvalidConfig(f"{what} needs {', '.join(missing)}; install it with: pip install 'memos[local]'")
