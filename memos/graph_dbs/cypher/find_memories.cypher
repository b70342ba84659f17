// Memories by id.
// Parameters: $tenant, $cube, $keys. Returns: memories (their properties), one record.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
RETURN collect(properties(memory)) AS memories
