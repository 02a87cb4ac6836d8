-- A list on each known day, beside the days before: what moved, what is new, what came back. All of it counts known
-- days only: a peak or a debut before the first of them is not known, and the first day itself tells no movement.
SELECT
  placed.playlist_id,
  placed.snapshot_date,
  placed.position,
  placed.previous_position,
  CASE WHEN placed.occurrence = 1 THEN placed.previous_position - placed.position END AS movement,
  CASE
    WHEN placed.track_key IS NULL OR placed.day_number = 1 THEN NULL
    WHEN placed.occurrence > 1 THEN 'duplicate'
    WHEN placed.streak = 1 AND placed.last_number IS NOT NULL THEN 're-entry'
    WHEN placed.streak = 1 AND NOT placed.listed_before THEN 'new'
    -- The day before an empty slot may have held it.
    WHEN placed.previous_position IS NULL THEN 'unseen'
    WHEN placed.previous_position > placed.position THEN 'up'
    WHEN placed.previous_position < placed.position THEN 'down'
    ELSE 'same'
  END AS change,
  placed.peak_position,
  placed.days_on_list,
  placed.streak,
  placed.debut_date,
  placed.listed_before,
  placed.previous_date,
  CASE
    -- A week under another day than the others is less than a week away.
    WHEN placed.previous_date IS NOT NULL
      THEN GREATEST(DATE_DIFF('day', placed.previous_date, placed.snapshot_date) // placed.cadence_days - 1, 0)
  END AS gap_days,
  placed.track_key,
  placed.occurrence,
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
FROM entries
JOIN placed
  ON entries.playlist_id = placed.playlist_id
  AND entries.snapshot_date = placed.snapshot_date
  AND entries.position = placed.position
