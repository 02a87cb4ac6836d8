-- Every entry of every known day as a place only: list, day, position, and the key by which an item is the same one from
-- day to day: its ISRC, since Spotify gives a recording new ids, else that of the URIs that are joined (`recordings`),
-- else its URI or id, else what it is called. What a list itself tells counts, so that its history is the same whatever
-- else is in the lake. A slot whose item is gone has no key.
WITH named AS (
  SELECT
    entries.playlist_id,
    entries.snapshot_date,
    entries.position,
    known_days.day_number,
    COALESCE(
      recordings.track_key,
      UPPER(REPLACE(entries.isrc, '-', '')),
      entries.uri,
      entries.item_id,
      entries.item_type || ':' || COALESCE(
        NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', '), '') || ':', ''
      ) || NULLIF(entries.name, '')
    ) AS track_key
  FROM entries
  JOIN known_days
    ON entries.playlist_id = known_days.playlist_id AND entries.snapshot_date = known_days.snapshot_date
  LEFT JOIN recordings ON entries.playlist_id = recordings.playlist_id AND entries.uri = recordings.uri
)
SELECT
  named.*,
  -- A list may hold an item twice: it stands where it stands first.
  CASE
    WHEN track_key IS NULL THEN 1
    ELSE ROW_NUMBER() OVER (PARTITION BY playlist_id, day_number, track_key ORDER BY position)
  END AS occurrence
FROM named
