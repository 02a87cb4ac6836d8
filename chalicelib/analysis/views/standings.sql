-- Every entry of every known day, with the key by which an item is the same one from day to day: its ISRC, since
-- Spotify gives a recording new ids, else its URI or id, else what it is called. What a list itself tells of ISRCs
-- counts, so that its history is the same whatever else is in the lake. A slot whose item is gone has no key.
WITH own_recordings AS (
  SELECT playlist_id, uri, MIN(UPPER(REPLACE(isrc, '-', ''))) AS isrc
  FROM entries
  WHERE uri IS NOT NULL AND isrc IS NOT NULL
  GROUP BY playlist_id, uri
),
named AS (
  SELECT
    entries.*,
    NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(artists, lambda artist: artist.name), ', '), '') AS artist
  FROM entries
),
keyed AS (
  SELECT
    named.*,
    known_days.day_number,
    known_days.previous_date,
    known_days.next_date,
    known_days.cadence_days,
    COALESCE(
      own_recordings.isrc,
      UPPER(REPLACE(named.isrc, '-', '')),
      named.uri,
      named.item_id,
      named.item_type || ':' || COALESCE(named.artist || ':', '') || NULLIF(named.name, '')
    ) AS track_key
  FROM named
  JOIN known_days
    ON named.playlist_id = known_days.playlist_id AND named.snapshot_date = known_days.snapshot_date
  LEFT JOIN own_recordings
    ON named.playlist_id = own_recordings.playlist_id AND named.uri = own_recordings.uri
)
-- By name, not `*`: Athena keeps a view's columns as they were, and its tables have `year` besides.
SELECT
  snapshot_date,
  playlist_id,
  position,
  item_type,
  item_id,
  uri,
  name,
  url,
  artists,
  artist,
  album_id,
  album_name,
  album_type,
  album_release_date,
  album_release_precision,
  album_total_tracks,
  album_image_url,
  show_id,
  show_name,
  isrc,
  duration_ms,
  explicit,
  popularity,
  disc_number,
  track_number,
  is_local,
  is_playable,
  added_at,
  added_by,
  streams,
  captured_at,
  capture_id,
  source,
  day_number,
  previous_date,
  next_date,
  cadence_days,
  track_key,
  -- A list may hold an item twice: it stands where it stands first.
  CASE
    WHEN track_key IS NULL THEN 1
    ELSE ROW_NUMBER() OVER (PARTITION BY playlist_id, snapshot_date, track_key ORDER BY position)
  END AS occurrence
FROM keyed
