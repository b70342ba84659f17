// Replace a memory's attributes; a null among them removes one. Counting the version up takes the lock first.
// One with another text or status is fresh.
// Parameters: $tenant, $cube, $cube_key, $key, $properties. Returns: memory (its properties afterwards); no row if there is none.
MATCH (memory:Memory {key: $key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version + 1
SET memory.fresh_cube = CASE WHEN memory.text <> $properties.text OR memory.status <> $properties.status THEN $cube_key
                             ELSE memory.fresh_cube END
SET memory += $properties
RETURN properties(memory) AS memory
