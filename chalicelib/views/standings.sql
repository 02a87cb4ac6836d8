-- Every entry of every known day, with the key by which an item is the same one from day to day: its ISRC, since
-- Spotify gives a recording new ids, else its URI. What a list itself tells of ISRCs counts, so that its history is the
-- same whatever else is in the lake. A slot whose item is gone has no key.
WITH own_recordings AS (
  SELECT playlist_id, uri, MIN(UPPER(REPLACE(isrc, '-', ''))) AS isrc
  FROM entries
  WHERE uri IS NOT NULL AND isrc IS NOT NULL
  GROUP BY playlist_id, uri
),
keyed AS (
  SELECT
    entries.*,
    known_days.day_number,
    known_days.previous_date,
    known_days.next_date,
    known_days.cadence_days,
    COALESCE(own_recordings.isrc, entries.uri, entries.item_type || ':' || entries.name) AS track_key
  FROM entries
  JOIN known_days
    ON entries.playlist_id = known_days.playlist_id AND entries.snapshot_date = known_days.snapshot_date
  LEFT JOIN own_recordings
    ON entries.playlist_id = own_recordings.playlist_id AND entries.uri = own_recordings.uri
)
SELECT
  keyed.*,
  ARRAY_TO_STRING(LIST_TRANSFORM(artists, lambda artist: artist.name), ', ') AS artist,
  -- A list may hold an item twice: it stands where it stands first.
  ROW_NUMBER() OVER (PARTITION BY playlist_id, snapshot_date, track_key ORDER BY position) AS occurrence
FROM keyed
