// Remove some of a user's jobs in a cube; to be repeated until there are none.
// Parameters: $tenant, $cube, $above and $below (keys around the cube), $user, $limit. Returns: deleted (how many).
MATCH (job:Job)
WHERE job.key > $above AND job.key < $below AND job.tenant = $tenant AND job.cube = $cube AND job.user = $user
WITH job LIMIT $limit
DETACH DELETE job
RETURN count(*) AS deleted
