-- The songs that climbed farthest within the last seven days of their list, among those that are still on it.
SELECT
  chart.playlist_id,
  MAX_BY(chart.name, chart.snapshot_date) FILTER (WHERE chart.name IS NOT NULL) AS name,
  MIN_BY(chart.position, chart.snapshot_date) AS from_position,
  MAX_BY(chart.position, chart.snapshot_date) AS to_position,
  MIN_BY(chart.position, chart.snapshot_date) - MAX_BY(chart.position, chart.snapshot_date) AS climbed
FROM chart
JOIN playlists AS lists ON chart.playlist_id = lists.playlist_id
WHERE chart.snapshot_date > lists.last_date - INTERVAL '7' DAY AND chart.track_key IS NOT NULL AND chart.occurrence = 1
GROUP BY chart.playlist_id, chart.track_key, lists.last_date
HAVING MAX(chart.snapshot_date) = lists.last_date
ORDER BY climbed DESC, chart.playlist_id, to_position
LIMIT 20
