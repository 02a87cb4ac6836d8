-- When a song was on which list: put a part of its title into the quotes.
SELECT playlist_id, name, artist, run_number, entered_on, last_seen_on, left_on, days, gap_days, peak_position
FROM runs
WHERE LOWER(name) LIKE '%christmas%'
ORDER BY playlist_id, name, entered_on, track_key
