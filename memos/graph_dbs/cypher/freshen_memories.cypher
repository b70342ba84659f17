// Have a reorganisation look at memories again.
// Parameters: $tenant, $cube, $cube_key, $rows ({key}). Returns: nothing.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.fresh_cube = $cube_key
