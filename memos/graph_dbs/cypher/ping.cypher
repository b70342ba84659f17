// Does the database answer?
// Parameters: none. Returns: answer.
RETURN 1 AS answer
