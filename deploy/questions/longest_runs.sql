-- Who stayed the longest, and how many days of it nobody looked.
SELECT playlist_id, name, artist, entered_on, left_on, days, gap_days, peak_position
FROM runs
ORDER BY days DESC, entered_on, playlist_id, track_key
LIMIT 50
