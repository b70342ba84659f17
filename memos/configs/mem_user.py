"""Configuration of the store of users and cubes."""

from collections.abc import Mapping
from typing import ClassVar

from memos.configs.base import BaseConfig
from memos.configs.secret import Secret
from memos.configs.union import BackendConfig


class DatabaseUserManagerConfig(BaseConfig):
    """A SQL database by its SQLAlchemy URL: sqlite:////data/memos.db or postgresql+psycopg://..."""

    url: Secret


class UserManagerConfigFactory(BackendConfig):
    """``{"backend": "database", "config": {"url": ...}}``."""

    known: ClassVar[Mapping[str, type[BaseConfig]]] = {"database": DatabaseUserManagerConfig}
