-- The slots of known days whose item is gone: nothing tells what stood there but the moment at which it was put on the list.
SELECT entries.playlist_id, entries.snapshot_date, known_days.day_number, entries.position, entries.added_at
FROM entries
JOIN known_days ON entries.playlist_id = known_days.playlist_id AND entries.snapshot_date = known_days.snapshot_date
WHERE uri IS NULL AND item_id IS NULL AND isrc IS NULL AND COALESCE(name, '') = ''
