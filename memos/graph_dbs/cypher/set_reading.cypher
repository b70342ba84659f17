// Have a cube say what it wants of its facts, in the place of all that it said before.
// Parameters: $tenant, $cube, $key (of the cube), $said (JSON). Returns: nothing.
MERGE (reading:Reading {key: $key})
  ON CREATE SET reading.tenant = $tenant, reading.cube = $cube
SET reading.said = $said
