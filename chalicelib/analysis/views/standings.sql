-- Every entry of every known day, whole, beside its key (`keyed`).
-- By name, not `*`: Athena keeps a view's columns as they were, and its tables have `year` besides.
SELECT
  entries.snapshot_date,
  entries.playlist_id,
  entries.position,
  entries.item_type,
  entries.item_id,
  entries.uri,
  entries.name,
  entries.url,
  entries.artists,
  NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', '), '') AS artist,
  entries.album_id,
  entries.album_name,
  entries.album_type,
  entries.album_release_date,
  entries.album_release_precision,
  entries.album_total_tracks,
  entries.album_image_url,
  entries.show_id,
  entries.show_name,
  entries.isrc,
  entries.duration_ms,
  entries.explicit,
  entries.popularity,
  entries.disc_number,
  entries.track_number,
  entries.is_local,
  entries.is_playable,
  entries.added_at,
  entries.added_by,
  entries.streams,
  entries.label,
  entries.reported_peak,
  entries.reported_previous,
  entries.reported_days,
  entries.captured_at,
  entries.capture_id,
  entries.source,
  known_days.day_number,
  known_days.previous_date,
  known_days.next_date,
  known_days.cadence_days,
  keyed.track_key,
  keyed.occurrence
FROM keyed
JOIN entries
  ON keyed.playlist_id = entries.playlist_id
  AND keyed.snapshot_date = entries.snapshot_date
  AND keyed.position = entries.position
JOIN known_days
  ON keyed.playlist_id = known_days.playlist_id AND keyed.snapshot_date = known_days.snapshot_date
