"""Configuration of how long a cube's memories stay active."""

from pydantic import Field

from memos.configs.base import BaseConfig
from memos.organize.retention import Retention


class RetentionConfig(BaseConfig):
    """What workers archive of a cube once a day. A limit that is left out is the installation's, 0 is none at all."""

    max_age_days: float | None = Field(
        default=None, ge=0, allow_inf_nan=False, strict=True, description="Days after which a memory is archived."
    )
    below_importance: float | None = Field(
        default=None, ge=0, le=1, strict=True, description="The importance below which a memory is archived."
    )
    keep: int | None = Field(
        default=None, ge=0, le=10**12, strict=True, description="Memories that stay active, the best ones."
    )

    def said(self) -> Retention:
        """The limits as they are kept."""
        return Retention(**self.model_dump())
