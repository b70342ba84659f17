"""What items of every kind of memory are: frozen records whose fields are also keys."""

from collections.abc import KeysView
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from memos.errors import InvalidRequest
from memos.settings import describe_validation_error


class ItemPart(BaseModel):
    """A frozen record that answers to attributes and to keys. Raises InvalidRequest instead of pydantic's own error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise InvalidRequest(describe_validation_error(error, f"{type(self).__name__} field")) from None

    def __getitem__(self, name: str) -> Any:
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

    def __contains__(self, name: object) -> bool:
        return name in type(self).model_fields

    def keys(self) -> KeysView[str]:
        """The names of the fields, so that ``dict(item)`` and ``{**item}`` are its fields."""
        return dict.fromkeys(type(self).model_fields).keys()

    def get(self, name: str, default: Any = None) -> Any:
        """The field, or ``default`` when there is none of that name."""
        return getattr(self, name) if name in type(self).model_fields else default
