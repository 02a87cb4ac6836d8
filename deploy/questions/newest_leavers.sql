-- What left each list on its newest known day, and how long it had been there.
SELECT runs.playlist_id, runs.name, runs.artist, runs.last_position, runs.peak_position, runs.days, runs.gap_days
FROM runs
JOIN playlists AS lists ON runs.playlist_id = lists.playlist_id AND runs.left_on = lists.last_date
ORDER BY runs.playlist_id, runs.last_position, runs.track_key
