// Which memories are as a plan found them: of that version, and, where the plan has looked at them, still fresh.
// Parameters: $tenant, $cube, $cube_key, $rows ({key, version, seen}). Returns: key, for each that is.
// Setting the version to what it is takes the lock before it is compared.
UNWIND $rows AS row
MATCH (memory:Memory {key: row.key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version
WITH memory, row
WHERE memory.version = row.version AND (NOT row.seen OR memory.fresh_cube = $cube_key)
RETURN memory.key AS key
