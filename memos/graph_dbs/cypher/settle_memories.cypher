// Memories that a reorganisation has seen are fresh no more.
// Parameters: $tenant, $cube, $rows ({key}). Returns: nothing.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.fresh_cube = null
