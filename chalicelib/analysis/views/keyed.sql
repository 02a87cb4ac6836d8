-- Every entry of every known day beside the key by which its item is the same one from day to day (`placed`).
SELECT playlist_id, snapshot_date, position, day_number, track_key, occurrence FROM placed
