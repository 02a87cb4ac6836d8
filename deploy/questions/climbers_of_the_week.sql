-- Who gained the most places in seven days, the steps of known days added up.
SELECT playlist_id, name, artist, SUM(movement) AS places_gained, MIN(position) AS best_position
FROM chart
WHERE snapshot_date > CURRENT_DATE - INTERVAL '7' DAY AND occurrence = 1
GROUP BY playlist_id, track_key, name, artist
HAVING SUM(movement) > 0
ORDER BY places_gained DESC, best_position, playlist_id, track_key
LIMIT 20
