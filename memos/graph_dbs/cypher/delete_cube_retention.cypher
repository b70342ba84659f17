// Remove what a cube says of how long its memories stay.
// Parameters: $tenant, $cube, $key (of the cube). Returns: nothing.
MATCH (retention:Retention {key: $key})
WHERE retention.tenant = $tenant AND retention.cube = $cube
DETACH DELETE retention
