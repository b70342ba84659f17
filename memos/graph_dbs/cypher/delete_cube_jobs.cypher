// Remove some of a cube's jobs; to be repeated until there are none.
// Parameters: $tenant, $cube, $above and $below (keys around the cube), $limit. Returns: deleted (how many).
MATCH (job:Job)
WHERE job.key > $above AND job.key < $below AND job.tenant = $tenant AND job.cube = $cube
WITH job LIMIT $limit
DETACH DELETE job
RETURN count(*) AS deleted
