// Remove some of a cube's memories; to be repeated until there are none.
// Parameters: $tenant, $cube, $above and $below (keys around the cube), $limit. Returns: deleted (how many).
MATCH (memory:Memory)
WHERE memory.key > $above AND memory.key < $below AND memory.tenant = $tenant AND memory.cube = $cube
WITH memory LIMIT $limit
DETACH DELETE memory
RETURN count(*) AS deleted
