// Have a cube say how long its memories stay; a null among the limits removes one.
// Parameters: $tenant, $cube, $key (of the cube), $limits (all, by name). Returns: nothing.
MERGE (retention:Retention {key: $key})
  ON CREATE SET retention.tenant = $tenant, retention.cube = $cube
SET retention += $limits
