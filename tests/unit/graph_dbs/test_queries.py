"""The Cypher files: each has a header, and every query that reads or changes data holds to one tenant."""

from importlib.resources import files

import pytest

from memos.graph_dbs.queries import load_query, load_statements

NAMES = sorted(path.name.removesuffix(".cypher") for path in files("memos.graph_dbs").joinpath("cypher").iterdir())
# What these touch is named by keys, which begin with the tenant, or is no tenant's.
WITHOUT_TENANT = {
    "forget_sources",
    "ping",
    "replace_memories",
    "schema",
    "schema_version",
    "write_jobs",
    "write_memories",
    "write_messages",
    "write_planned",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_query_says_what_it_takes_and_returns(name: str) -> None:
    text = files("memos.graph_dbs").joinpath("cypher", f"{name}.cypher").read_text()
    header = "".join(line for line in text.splitlines() if line.startswith("//"))
    assert "Parameters: " in header
    assert "Returns: " in header
    assert "//" not in load_query(name)


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITHOUT_TENANT))
def test_a_query_names_the_tenant_and_the_cube(name: str) -> None:
    assert "$tenant" in load_query(name)
    assert "$cube" in load_query(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_that_returns_one_record_says_so(name: str) -> None:
    text = files("memos.graph_dbs").joinpath("cypher", f"{name}.cypher").read_text()
    assert ("RETURN collect(" in text) == ("one record" in text)


def test_the_schema_is_made_of_statements_that_may_be_repeated() -> None:
    statements = load_statements("schema")
    assert len(statements) == 12
    assert all("IF NOT EXISTS" in statement for statement in statements)
