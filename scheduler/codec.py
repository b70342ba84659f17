"""Between the values of the job path and the strings that Redis keeps. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from memos.errors import Corrupt, InvalidRequest
from memos.ids import CubeId, JobId, MemoryId, SessionId, TenantId, UserId
from memos.types import Attempt, JobKind, JobRecord, JobSpec, JobState, Lane, Step
from scheduler.lease import Failure, JobOutcome, LeasedJob

MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
MAX_ERROR_CHARS: Final = 500
# What a job costs beyond its words, in tokens: its share of the prompt and of the writes.
_TOKENS_PER_JOB: Final = 16
_BYTES_PER_TOKEN: Final = 4

# The fields of a record, in the order in which ``decode_record`` reads them.
RECORD_FIELDS: Final = (
    "kind", "cube", "session", "bulk", "user", "state", "attempts", "submitted", "due", "started", "updated",
    "finished", "cancel", "cost", "done", "total", "error_class", "error_message", "history", "memory_ids",
    "degraded", "overload", "result",
)  # fmt: skip


def encode_json(value: Any, what: str) -> str:
    """JSON text that survives Redis: NUL bytes and lone surrogates included. Raises InvalidRequest."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not JSON: {error}") from None
    # A lone surrogate has no UTF-8 form; its \\u escape has.
    return text if _is_encodable(text) else json.dumps(value, separators=(",", ":"))


def encode_payload(spec: JobSpec) -> str:
    """The job's payload as text. Raises InvalidRequest when it is no JSON or too large."""
    text = encode_json(dict(spec.payload), "the job's payload")
    size_bytes = len(text.encode())
    if size_bytes > MAX_PAYLOAD_BYTES:
        raise InvalidRequest(f"the job's payload has {size_bytes} bytes, more than {MAX_PAYLOAD_BYTES}; split it")
    return text


def estimate_tokens(payload: str) -> int:
    """About what the job costs a model; the unit in which tenants' shares and budgets are counted."""
    return len(payload.encode()) // _BYTES_PER_TOKEN + _TOKENS_PER_JOB


def encode_new(spec: JobSpec, payload: str) -> list[str]:
    """The fields that ``put`` writes: the payload first, then the kind."""
    fields = [
        "payload", payload, "kind", spec.kind.value,
        "cube", spec.lane.cube, "session", spec.lane.session, "user", spec.user,
    ]  # fmt: skip
    if spec.lane.bulk:
        fields += ["bulk", "1"]
    return fields if spec.coalesce_key is None else [*fields, "coalesce", spec.coalesce_key]


def encode_outcome(outcome: JobOutcome) -> list[str]:
    """The seven arguments that ``commit`` wants for each job."""
    failure = encode_failure(outcome.failure)
    return [
        outcome.job,
        outcome.state.value,
        *failure,
        encode_json(list(outcome.memory_ids), "memory_ids"),
        encode_json(list(outcome.degraded), "degraded"),
        encode_json(dict(outcome.result), "the job's result"),
    ]


def encode_failure(failure: Failure | None) -> tuple[str, str]:
    """Class and message, the latter cut to a length that a table can show."""
    if failure is None:
        return "", ""
    return failure.error_class, _printable(failure.message)


def decode_leased(row: Sequence[Any]) -> LeasedJob:
    """One job as ``take`` returns it. Raises Corrupt."""
    job, kind, user, attempts, crashes, payload, answer, submitted = row
    return LeasedJob(
        id=JobId(job),
        kind=JobKind(kind),
        user=UserId(user),
        attempts=int(attempts),
        crashes=int(crashes),
        payload=decode_object(payload, f"the payload of job {job}"),
        answer=answer or None,
        submitted_at_ms=int(submitted),
    )


def decode_record(tenant: TenantId, job: JobId, values: Sequence[str | None]) -> JobRecord | None:
    """A record from the values of RECORD_FIELDS; None where there is none."""
    read: dict[str, str | None] = dict(zip(RECORD_FIELDS, values, strict=True))
    if read["kind"] is None:
        return None
    return JobRecord(
        id=job,
        kind=JobKind(read["kind"]),
        lane=_decode_lane(tenant, read),
        user=UserId(read["user"] or ""),
        state=JobState(read["state"] or ""),
        attempts=_int(read["attempts"]),
        submitted_at_ms=_int(read["submitted"]),
        due_at_ms=_int(read["due"]),
        started_at_ms=_optional_int(read["started"]),
        updated_at_ms=_int(read["updated"]),
        finished_at_ms=_optional_int(read["finished"]),
        cancel_requested=read["cancel"] == "1",
        cost_tokens=_int(read["cost"]),
        progress=(_int(read["done"]), _int(read["total"])),
        error_class=read["error_class"] or "",
        error_message=read["error_message"] or "",
        history=_decode_history(read["history"]),
        memory_ids=tuple(MemoryId(item) for item in _decode_strings(read["memory_ids"])),
        degraded=tuple(_decode_strings(read["degraded"])),
        overload=list(Step)[_int(read["overload"])],
        result=decode_object(read["result"] or "{}", f"the result of job {job}"),
    )


def decode_object(text: str, what: str) -> dict[str, Any]:
    """A JSON object. Raises Corrupt, naming ``what``."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Corrupt(f"{what} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise Corrupt(f"{what} is no JSON object")
    return cast(dict[str, Any], value)


def _decode_lane(tenant: TenantId, read: Mapping[str, str | None]) -> Lane:
    cube, session = CubeId(read["cube"] or ""), SessionId(read["session"] or "")
    return Lane(tenant=tenant, cube=cube, session=session, bulk=read["bulk"] == "1")


def _decode_history(text: str | None) -> tuple[Attempt, ...]:
    rows: list[tuple[int, int, str, str]] = json.loads(text or "[]")
    return tuple(
        Attempt(number=number, ended_at_ms=ended_at_ms, error_class=error_class, error_message=message)
        for number, ended_at_ms, error_class, message in rows
    )


def _decode_strings(text: str | None) -> list[str]:
    return [str(item) for item in json.loads(text or "[]")]


def _int(text: str | None) -> int:
    return int(text or 0)


def _optional_int(text: str | None) -> int | None:
    return None if text is None else int(text)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(message: str) -> str:
    return message[:MAX_ERROR_CHARS].encode(errors="replace").decode()
