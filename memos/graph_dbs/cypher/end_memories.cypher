// Have memories hold no longer than until a time; one that ended before keeps its end.
// Parameters: $tenant, $cube, $cube_key, $rows ({key, invalid_at_ms, at_ms}). Returns: nothing.
// Counting the version up takes the lock first.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version + 1
SET memory.invalid_at_ms = CASE WHEN memory.invalid_at_ms < row.invalid_at_ms THEN memory.invalid_at_ms
                                ELSE row.invalid_at_ms END,
    memory.updated_at_ms = row.at_ms,
    memory.lagging_cube = $cube_key,
    memory.fresh_cube = $cube_key
