"""The tables of users, cubes, grants and cleared histories. Every key begins with the tenant."""

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, ForeignKeyConstraint, Integer, MetaData, String, Table, Text

from memos.ids import MAX_ID_CHARS

SCHEMA_VERSION: Final = 1
METADATA: Final = MetaData()

SCHEMA: Final = Table(
    "memos_schema",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
)
USERS: Final = Table(
    "memos_users",
    METADATA,
    Column("tenant", String(MAX_ID_CHARS), primary_key=True),
    Column("user_id", String(MAX_ID_CHARS), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
)
CUBES: Final = Table(
    "memos_cubes",
    METADATA,
    Column("tenant", String(MAX_ID_CHARS), primary_key=True),
    Column("cube_id", String(MAX_ID_CHARS), primary_key=True),
    Column("owner", String(MAX_ID_CHARS), nullable=False),
    Column("path", Text, nullable=False),
    Column("config", JSON, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["tenant", "owner"], ["memos_users.tenant", "memos_users.user_id"]),
)
GRANTS: Final = Table(
    "memos_grants",
    METADATA,
    Column("tenant", String(MAX_ID_CHARS), primary_key=True),
    Column("cube_id", String(MAX_ID_CHARS), primary_key=True),
    Column("user_id", String(MAX_ID_CHARS), primary_key=True),
    ForeignKeyConstraint(["tenant", "cube_id"], ["memos_cubes.tenant", "memos_cubes.cube_id"], ondelete="CASCADE"),
    ForeignKeyConstraint(["tenant", "user_id"], ["memos_users.tenant", "memos_users.user_id"]),
)
# No foreign keys: what was cleared stays cleared when a cube or a user is made anew.
HISTORY_MARKS: Final = Table(
    "memos_history_marks",
    METADATA,
    Column("tenant", String(MAX_ID_CHARS), primary_key=True),
    Column("user_id", String(MAX_ID_CHARS), primary_key=True),
    Column("cube_id", String(MAX_ID_CHARS), primary_key=True),
    Column("session_id", String(MAX_ID_CHARS), primary_key=True),
    Column("cleared_at_ms", BigInteger, nullable=False),
)
