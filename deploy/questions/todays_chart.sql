-- Each list on its newest known day.
SELECT
  lists.name AS playlist,
  chart.position,
  chart.change,
  chart.movement,
  chart.name,
  chart.artist,
  chart.peak_position,
  chart.days_on_list
FROM chart
JOIN playlists AS lists ON chart.playlist_id = lists.playlist_id AND chart.snapshot_date = lists.last_date
ORDER BY chart.playlist_id, chart.position
