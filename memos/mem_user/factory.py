"""From settings or a configuration to the store of users and cubes."""

from typing import Final, cast

from memos.configs.mem_user import DatabaseUserManagerConfig, UserManagerConfigFactory
from memos.configs.secret import reveal
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


def build_user_store(settings: Settings) -> UserStore:
    """The store that the settings name; nothing is opened yet."""
    return UserStore(settings.database)


def build_database_store(config: DatabaseUserManagerConfig) -> UserStore:
    """The store that the configuration describes."""
    return UserStore(reveal(config.url))
