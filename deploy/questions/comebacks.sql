-- Who came back, and how long after having been seen for the last time.
SELECT
  later.playlist_id,
  later.name,
  later.artist,
  earlier.last_seen_on,
  later.entered_on,
  later.peak_position
FROM runs AS later
JOIN runs AS earlier
  ON later.playlist_id = earlier.playlist_id
  AND later.track_key = earlier.track_key
  AND later.run_number = earlier.run_number + 1
ORDER BY later.entered_on DESC, later.peak_position, later.playlist_id, later.track_key
LIMIT 50
