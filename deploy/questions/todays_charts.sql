-- Every list on its newest known day.
SELECT chart.playlist_id, position, movement, change, name, artist, peak_position, days_on_list, gap_days
FROM chart
JOIN (SELECT playlist_id, MAX(snapshot_date) AS newest FROM known_days GROUP BY playlist_id) AS lists
  ON chart.playlist_id = lists.playlist_id AND chart.snapshot_date = lists.newest
ORDER BY chart.playlist_id, position
