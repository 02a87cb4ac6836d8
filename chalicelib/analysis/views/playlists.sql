-- Every list that was ever tried, with the latest known value of each attribute and what is kept of it.
WITH ranked AS (
  SELECT
    snapshots.*,
    ROW_NUMBER() OVER (PARTITION BY playlist_id ORDER BY snapshot_date DESC) AS age
  FROM snapshots
)
SELECT
  playlist_id,
  ARG_MIN(name, age) FILTER (WHERE name IS NOT NULL) AS name,
  ARG_MIN(description, age) FILTER (WHERE description IS NOT NULL) AS description,
  ARG_MIN(owner_id, age) FILTER (WHERE owner_id IS NOT NULL) AS owner_id,
  ARG_MIN(owner_name, age) FILTER (WHERE owner_name IS NOT NULL) AS owner_name,
  ARG_MIN(followers, age) FILTER (WHERE followers IS NOT NULL) AS followers,
  CASE
    WHEN playlist_id NOT LIKE 'chart:%' AND playlist_id NOT LIKE 'file:%' THEN 'https://open.spotify.com/playlist/' || playlist_id
  END AS url,
  ARG_MIN(source, age) FILTER (WHERE source IS NOT NULL) AS source,
  MIN(snapshot_date) AS first_tried_on,
  MAX(snapshot_date) AS last_tried_on,
  MIN(status) FILTER (WHERE age = 1) AS last_status,
  MIN(reason) FILTER (WHERE age = 1) AS last_reason,
  MIN(snapshot_date) FILTER (WHERE status IN ('ok', 'unchanged')) AS first_date,
  MAX(snapshot_date) FILTER (WHERE status IN ('ok', 'unchanged')) AS last_date,
  COUNT(*) FILTER (WHERE status IN ('ok', 'unchanged')) AS days_known,
  COUNT(*) FILTER (WHERE status NOT IN ('ok', 'unchanged')) AS days_failed,
  ARG_MIN(entry_count, age) FILTER (WHERE status IN ('ok', 'unchanged') AND entry_count IS NOT NULL) AS entry_count
FROM ranked
GROUP BY playlist_id
