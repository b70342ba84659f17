// Constraints and indexes, one statement a paragraph, each safe to repeat.
// Parameters: none. Returns: nothing.
// A key starts with tenant and cube, so its index also finds all nodes of a cube, as a range.

CREATE CONSTRAINT memos_memory_key IF NOT EXISTS FOR (n:Memory) REQUIRE n.key IS UNIQUE;

CREATE CONSTRAINT memos_message_key IF NOT EXISTS FOR (n:Message) REQUIRE n.key IS UNIQUE;

CREATE CONSTRAINT memos_job_key IF NOT EXISTS FOR (n:Job) REQUIRE n.key IS UNIQUE;

CREATE CONSTRAINT memos_lane_key IF NOT EXISTS FOR (n:Lane) REQUIRE n.key IS UNIQUE;

CREATE CONSTRAINT memos_retention_key IF NOT EXISTS FOR (n:Retention) REQUIRE n.key IS UNIQUE;

CREATE CONSTRAINT memos_reading_key IF NOT EXISTS FOR (n:Reading) REQUIRE n.key IS UNIQUE;

CREATE CONSTRAINT memos_schema_key IF NOT EXISTS FOR (n:MemosSchema) REQUIRE n.key IS UNIQUE;

CREATE INDEX memos_memory_order IF NOT EXISTS FOR (n:Memory) ON (n.order_key);

CREATE INDEX memos_message_order IF NOT EXISTS FOR (n:Message) ON (n.order_key);

CREATE INDEX memos_memory_lagging IF NOT EXISTS FOR (n:Memory) ON (n.lagging_cube);

CREATE INDEX memos_memory_fresh IF NOT EXISTS FOR (n:Memory) ON (n.fresh_cube);

CREATE INDEX memos_memory_subject IF NOT EXISTS FOR (n:Memory) ON (n.subject_key);
