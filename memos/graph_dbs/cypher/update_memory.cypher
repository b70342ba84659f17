// Replace a memory's attributes; a null among them removes one. Counting the version up takes the lock first.
// Parameters: $tenant, $cube, $key, $properties. Returns: memory (its properties afterwards); no row if there is none.
MATCH (memory:Memory {key: $key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
SET memory.version = memory.version + 1
SET memory += $properties
RETURN properties(memory) AS memory
