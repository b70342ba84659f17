// Write what is left of memories' importance, and archive some; one that was changed since it was read stays as it is.
// Parameters: $tenant, $cube, $cube_key, $activated and $archived (statuses), $now_ms,
// $rows ({key, expected_version, expected_at_ms, importance, archive}). Returns: id, archived, for each that was written.
// Setting the time to what it is takes the lock before it is compared; a node from before there was any gets 0.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.importance_at_ms = coalesce(memory.importance_at_ms, 0)
WITH memory, row
WHERE memory.version = row.expected_version AND memory.importance_at_ms = row.expected_at_ms
  AND memory.status = $activated
SET memory.importance = row.importance,
    memory.importance_at_ms = $now_ms,
    memory.version = CASE WHEN row.archive THEN memory.version + 1 ELSE memory.version END,
    memory.updated_at_ms = CASE WHEN row.archive THEN $now_ms ELSE memory.updated_at_ms END,
    memory.lagging_cube = CASE WHEN row.archive THEN $cube_key ELSE memory.lagging_cube END,
    memory.fresh_cube = CASE WHEN row.archive THEN $cube_key ELSE memory.fresh_cube END,
    memory.status = CASE WHEN row.archive THEN $archived ELSE memory.status END
RETURN memory.id AS id, row.archive AS archived
