// Archive memories; one that is archived already, or was changed since it was looked at, stays as it is.
// Parameters: $tenant, $cube, $cube_key, $activated and $archived (statuses), $now_ms, $rows ({key, version}).
// Returns: id, for each that was archived. Setting the version to what it is takes the lock before it is compared.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version
WITH memory, row
WHERE memory.version = row.version AND memory.status = $activated
SET memory.status = $archived,
    memory.version = memory.version + 1,
    memory.updated_at_ms = $now_ms,
    memory.lagging_cube = $cube_key,
    memory.fresh_cube = $cube_key
RETURN memory.id AS id
