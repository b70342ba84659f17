"""From settings or a configuration to the store of users and cubes."""

from typing import Final, cast

from memos.configs.mem_user import DatabaseUserManagerConfig, UserManagerConfigFactory
from memos.configs.secret import reveal
from memos.mem_user.marks import HistoryMarks
from memos.mem_user.store import UserStore
from memos.registry import Registry
from memos.settings import Settings

BACKENDS: Final = Registry("user manager backend", {"database": "memos.mem_user.factory:build_database_store"})


class UserManagerFactory:
    """Makes stores of users and cubes."""

    @staticmethod
    def from_config(config: UserManagerConfigFactory) -> UserStore:
        """The store that ``config`` describes; nothing is opened yet. Raises InvalidConfig."""
        return cast(UserStore, BACKENDS.load(config.backend)(config.config))


def build_user_store(settings: Settings, config: UserManagerConfigFactory | None = None) -> UserStore:
    """The store that is configured, else the one that the settings name; nothing is opened yet."""
    return UserStore(settings.database) if config is None else UserManagerFactory.from_config(config)


def build_history_marks(settings: Settings, config: UserManagerConfigFactory | None = None) -> HistoryMarks:
    """The marks in the same database as the users."""
    if config is None:
        return HistoryMarks(settings.database)
    return HistoryMarks(reveal(cast(DatabaseUserManagerConfig, config.config).url))


def build_database_store(config: DatabaseUserManagerConfig) -> UserStore:
    """The store that the configuration describes."""
    return UserStore(reveal(config.url))
