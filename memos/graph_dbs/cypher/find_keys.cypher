// Which of these memories exist.
// Parameters: $tenant, $cube, $keys. Returns: key.
UNWIND $keys AS key
MATCH (memory:Memory {key: key})
WHERE memory.tenant = $tenant AND memory.cube = $cube
RETURN memory.key AS key
