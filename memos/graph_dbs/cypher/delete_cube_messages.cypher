// Remove some of a cube's messages; to be repeated until there are none.
// Parameters: $tenant, $cube, $above and $below (keys around the cube), $limit. Returns: deleted (how many).
MATCH (message:Message)
WHERE message.key > $above AND message.key < $below AND message.tenant = $tenant AND message.cube = $cube
WITH message LIMIT $limit
DETACH DELETE message
RETURN count(*) AS deleted
