import json

from typer.testing import CliRunner

from memos.cli.models import app
from memos.errors import NotFound
from memos.models.packaged import PACKAGED


def test_the_list_is_json_when_wanted() -> None:
    result = CliRunner().invoke(app, ["list", "--json"])
    assert result.exit_code == 0
    assert {entry["name"] for entry in json.loads(result.output)} >= PACKAGED.keys()


def test_the_list_is_a_table_for_people() -> None:
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    assert "all-minilm-l6-v2" in result.output


def test_installing_an_unknown_model_is_the_users_mistake() -> None:
    assert isinstance(CliRunner().invoke(app, ["install", "gpt-9"]).exception, NotFound)


def test_installing_an_installed_model_says_where_it_is() -> None:
    result = CliRunner().invoke(app, ["install", "all-minilm-l6-v2"])
    assert result.exit_code == 0
    assert "all-minilm-l6-v2 is in" in result.output
