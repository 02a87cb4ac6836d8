-- Every list that was ever tried, with the latest known value of each attribute and what is kept of it.
WITH ranked AS (
  SELECT
    snapshots.*,
    CASE
      WHEN mixed_days.playlist_id IS NULL THEN snapshots.status IN ('ok', 'unchanged')
      ELSE FALSE
    END AS is_known,
    ROW_NUMBER() OVER (PARTITION BY snapshots.playlist_id ORDER BY snapshots.snapshot_date DESC) AS age
  FROM snapshots
  LEFT JOIN mixed_days
    ON snapshots.playlist_id = mixed_days.playlist_id AND snapshots.snapshot_date = mixed_days.snapshot_date
)
SELECT
  playlist_id,
  ARG_MIN(name, age) FILTER (WHERE name IS NOT NULL) AS name,
  ARG_MIN(description, age) FILTER (WHERE description IS NOT NULL) AS description,
  ARG_MIN(owner_id, age) FILTER (WHERE owner_id IS NOT NULL) AS owner_id,
  ARG_MIN(owner_name, age) FILTER (WHERE owner_name IS NOT NULL) AS owner_name,
  ARG_MIN(followers, age) FILTER (WHERE followers IS NOT NULL) AS followers,
  CASE
    WHEN playlist_id NOT LIKE 'chart:%' THEN 'https://open.spotify.com/playlist/' || playlist_id
  END AS url,
  ARG_MIN(source, age) FILTER (WHERE source IS NOT NULL) AS source,
  MIN(snapshot_date) AS first_tried_on,
  MAX(snapshot_date) AS last_tried_on,
  MIN(status) FILTER (WHERE age = 1) AS last_status,
  MIN(reason) FILTER (WHERE age = 1) AS last_reason,
  MIN(snapshot_date) FILTER (WHERE is_known) AS first_date,
  MAX(snapshot_date) FILTER (WHERE is_known) AS last_date,
  COUNT(*) FILTER (WHERE is_known) AS days_known,
  COUNT(*) FILTER (WHERE NOT is_known) AS days_failed,
  ARG_MIN(entry_count, age) FILTER (WHERE is_known AND entry_count IS NOT NULL) AS entry_count
FROM ranked
GROUP BY playlist_id
