-- The days of which nothing is known, and why.
SELECT playlist_id, snapshot_date, status, reason
FROM coverage
WHERE status NOT IN ('ok', 'unchanged')
ORDER BY snapshot_date DESC, playlist_id
