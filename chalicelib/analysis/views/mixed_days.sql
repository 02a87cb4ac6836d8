-- The days whose entries a run has begun to replace and not committed, and that are another capture's already: their row
-- and their entries do not belong together. The list's next run mends them.
SELECT snapshots.playlist_id, snapshots.snapshot_date
FROM snapshots
LEFT JOIN entries
  ON snapshots.playlist_id = entries.playlist_id AND snapshots.snapshot_date = entries.snapshot_date
WHERE snapshots.replacing IS NOT NULL AND snapshots.status IN ('ok', 'unchanged')
GROUP BY snapshots.playlist_id, snapshots.snapshot_date
HAVING
  COUNT(entries.position) <> MAX(COALESCE(snapshots.entry_count, 0))
  OR MAX(CASE WHEN STRPOS(snapshots.replacing, entries.capture_id) > 0 THEN 1 ELSE 0 END) = 1
