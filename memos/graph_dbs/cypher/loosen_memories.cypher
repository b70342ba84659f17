// Give memories other sources and another user, in their next version.
// Parameters: $tenant, $cube, $cube_key, $now_ms, $rows ({key, source_ids, user,
// subject_key}). Returns: nothing.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version + 1,
    memory.source_ids = row.source_ids,
    memory.user = row.user,
    memory.subject_key = row.subject_key,
    memory.updated_at_ms = $now_ms,
    memory.lagging_cube = $cube_key
