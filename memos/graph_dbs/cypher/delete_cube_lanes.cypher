// Remove some of a cube's lanes; to be repeated until there are none.
// Parameters: $tenant, $cube, $above and $below (keys around the cube), $limit. Returns: deleted (how many).
MATCH (lane:Lane)
WHERE lane.key > $above AND lane.key < $below AND lane.tenant = $tenant AND lane.cube = $cube
WITH lane LIMIT $limit
DETACH DELETE lane
RETURN count(*) AS deleted
