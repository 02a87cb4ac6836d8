-- The slots whose item is gone: nothing tells what stood there but the moment at which it was put on the list.
SELECT playlist_id, snapshot_date, position, added_at
FROM entries
WHERE uri IS NULL AND item_id IS NULL AND isrc IS NULL AND COALESCE(name, '') = ''
