-- How many entries of a day were put on its list at a moment at which an emptied slot was, on any day: a moment of several
-- tells none of them from another.
SELECT entries.playlist_id, entries.snapshot_date, entries.added_at, COUNT(*) AS entries
FROM entries
JOIN (SELECT DISTINCT playlist_id, added_at FROM emptied) AS slot
  ON entries.playlist_id = slot.playlist_id AND entries.added_at = slot.added_at
GROUP BY entries.playlist_id, entries.snapshot_date, entries.added_at
