-- The days on which a list is known, numbered from its first: what lies between two of them is a gap, not an absence.
SELECT
  snapshots.playlist_id,
  snapshots.snapshot_date,
  entry_count,
  ROW_NUMBER() OVER (PARTITION BY snapshots.playlist_id ORDER BY snapshots.snapshot_date) AS day_number,
  LAG(snapshots.snapshot_date) OVER (PARTITION BY snapshots.playlist_id ORDER BY snapshots.snapshot_date) AS previous_date,
  LEAD(snapshots.snapshot_date) OVER (PARTITION BY snapshots.playlist_id ORDER BY snapshots.snapshot_date) AS next_date,
  -- A weekly chart has a day a week, and six days between two of them are no gap.
  CASE WHEN snapshots.playlist_id LIKE 'chart:%-weekly' THEN 7 ELSE 1 END AS cadence_days,
  -- An imported day that is told to lack places lacks one at least.
  CASE WHEN position_quality = 'partial' THEN GREATEST(COALESCE(total - entry_count, 1), 1) ELSE 0 END AS missing_places
FROM snapshots
LEFT JOIN mixed_days
  ON snapshots.playlist_id = mixed_days.playlist_id AND snapshots.snapshot_date = mixed_days.snapshot_date
WHERE snapshots.status IN ('ok', 'unchanged') AND mixed_days.playlist_id IS NULL
