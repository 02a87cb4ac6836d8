-- What is not known, and why.
SELECT playlist_id, status, COUNT(*) AS days, MIN(snapshot_date) AS first_date, MAX(snapshot_date) AS last_date
FROM coverage
WHERE status NOT IN ('ok', 'unchanged')
GROUP BY playlist_id, status
ORDER BY playlist_id, last_date DESC
