-- A list on each known day, beside the days before: what moved, what is new, what came back. All of it counts known
-- days only: a peak or a debut before the first of them is not known, and the first day itself tells no movement.
SELECT
  keyed.playlist_id,
  keyed.snapshot_date,
  keyed.position,
  moves.previous_position,
  CASE WHEN keyed.occurrence = 1 THEN moves.previous_position - moves.position END AS movement,
  CASE
    WHEN keyed.track_key IS NULL OR keyed.day_number = 1 THEN NULL
    WHEN keyed.occurrence > 1 THEN 'duplicate'
    WHEN moves.starts AND moves.last_number IS NOT NULL THEN 're-entry'
    WHEN moves.starts AND NOT moves.listed_before THEN 'new'
    -- The day before an empty slot may have held it.
    WHEN moves.previous_position IS NULL THEN 'unseen'
    WHEN moves.previous_position > moves.position THEN 'up'
    WHEN moves.previous_position < moves.position THEN 'down'
    ELSE 'same'
  END AS change,
  moves.peak_position,
  moves.days_on_list,
  moves.streak,
  moves.debut_date,
  moves.listed_before,
  known_days.previous_date,
  CASE
    -- A week under another day than the others is less than a week away.
    WHEN known_days.previous_date IS NOT NULL
      THEN GREATEST(DATE_DIFF('day', known_days.previous_date, keyed.snapshot_date) // known_days.cadence_days - 1, 0)
  END AS gap_days,
  keyed.track_key,
  keyed.occurrence,
  entries.item_type,
  entries.item_id,
  entries.uri,
  entries.url,
  entries.name,
  NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', '), '') AS artist,
  entries.artists,
  entries.album_id,
  entries.album_name,
  entries.album_release_date,
  entries.album_image_url,
  entries.isrc,
  entries.duration_ms,
  entries.explicit,
  entries.popularity,
  entries.streams,
  entries.label,
  entries.reported_peak,
  entries.reported_previous,
  entries.reported_days,
  entries.added_at,
  entries.source
FROM keyed
JOIN known_days
  ON keyed.playlist_id = known_days.playlist_id AND keyed.snapshot_date = known_days.snapshot_date
LEFT JOIN moves
  ON keyed.playlist_id = moves.playlist_id
  AND keyed.snapshot_date = moves.snapshot_date
  AND keyed.track_key = moves.track_key
JOIN entries
  ON keyed.playlist_id = entries.playlist_id
  AND keyed.snapshot_date = entries.snapshot_date
  AND keyed.position = entries.position
