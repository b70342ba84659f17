// Remove what a cube wants of its facts.
// Parameters: $tenant, $cube, $key (of the cube). Returns: nothing.
MATCH (reading:Reading {key: $key})
WHERE reading.tenant = $tenant AND reading.cube = $cube
DETACH DELETE reading
