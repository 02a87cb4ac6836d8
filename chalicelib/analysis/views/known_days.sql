-- The days on which a list is known, numbered from its first: what lies between two of them is a gap, not an absence.
SELECT
  playlist_id,
  snapshot_date,
  entry_count,
  ROW_NUMBER() OVER (PARTITION BY playlist_id ORDER BY snapshot_date) AS day_number,
  LAG(snapshot_date) OVER (PARTITION BY playlist_id ORDER BY snapshot_date) AS previous_date,
  LEAD(snapshot_date) OVER (PARTITION BY playlist_id ORDER BY snapshot_date) AS next_date,
  -- A weekly chart has a day a week, and six days between two of them are no gap.
  CASE WHEN playlist_id LIKE 'chart:%-weekly' THEN 7 ELSE 1 END AS cadence_days,
  -- An imported day that is told to lack places lacks one at least.
  CASE WHEN position_quality = 'partial' THEN GREATEST(COALESCE(total - entry_count, 1), 1) ELSE 0 END AS missing_places
FROM snapshots
WHERE status IN ('ok', 'unchanged')
