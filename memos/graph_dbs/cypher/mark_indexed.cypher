// Record which versions the index holds; never backwards.
// Parameters: $tenant, $cube, $rows ({key, version}). Returns: nothing.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube AND memory.indexed_version < row.version
SET memory.indexed_version = row.version,
    memory.lagging_cube = CASE WHEN row.version >= memory.version THEN null ELSE memory.lagging_cube END
