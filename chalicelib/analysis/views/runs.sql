-- The intervals during which an item was on a list without being known to be off it. A day on which nobody looked, or on
-- which an empty slot may have held it, does not end a run: it counts as one of its unknown days.
WITH stays AS (
  SELECT
    playlist_id,
    track_key,
    run_number,
    MIN(snapshot_date) AS entered_on,
    MAX(snapshot_date) AS last_seen_on,
    MIN(day_number) AS first_number,
    MAX(day_number) AS last_number,
    ARG_MIN(away_number, day_number) FILTER (WHERE starts) AS away_number,
    COUNT(*) AS days,
    MIN(position) AS peak_position,
    ARG_MIN(position, day_number) AS first_position,
    ARG_MAX(position, day_number) AS last_position
  FROM moves
  GROUP BY playlist_id, track_key, run_number
),
bounds AS (
  SELECT
    stays.*,
    away.snapshot_date AS entered_after,
    gone.snapshot_date AS left_on,
    COALESCE(gone.day_number, lists.days + 1) - stays.first_number - stays.days AS unseen_days,
    lists.last_date,
    lists.cadence_days
  FROM stays
  JOIN slots ON stays.playlist_id = slots.playlist_id AND stays.last_number = slots.day_number
  JOIN (
    SELECT playlist_id, COUNT(*) AS days, MAX(snapshot_date) AS last_date, MIN(cadence_days) AS cadence_days
    FROM known_days
    GROUP BY playlist_id
  ) AS lists
    ON stays.playlist_id = lists.playlist_id
  LEFT JOIN known_days AS away ON stays.playlist_id = away.playlist_id AND stays.away_number = away.day_number
  LEFT JOIN known_days AS gone ON slots.playlist_id = gone.playlist_id AND slots.gone_number = gone.day_number
),
names AS (
  SELECT
    moves.playlist_id,
    moves.track_key,
    moves.run_number,
    ARG_MAX(entries.item_type, moves.day_number) AS item_type,
    ARG_MAX(entries.item_id, moves.day_number) FILTER (WHERE entries.item_id IS NOT NULL) AS item_id,
    ARG_MAX(entries.uri, moves.day_number) FILTER (WHERE entries.uri IS NOT NULL) AS uri,
    ARG_MAX(entries.url, moves.day_number) FILTER (WHERE entries.url IS NOT NULL) AS url,
    ARG_MAX(entries.name, moves.day_number) FILTER (WHERE entries.name IS NOT NULL) AS name,
    ARG_MAX(
      ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', '), moves.day_number
    ) FILTER (
      WHERE ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', ') <> ''
    ) AS artist
  FROM moves
  JOIN entries
    ON moves.playlist_id = entries.playlist_id
    AND moves.snapshot_date = entries.snapshot_date
    AND moves.position = entries.position
  GROUP BY moves.playlist_id, moves.track_key, moves.run_number
)
SELECT
  bounds.playlist_id,
  bounds.track_key,
  bounds.run_number,
  bounds.entered_on,
  -- The last day on which it was known not to be there; null where no day before tells that.
  bounds.entered_after,
  bounds.last_seen_on,
  -- The first day on which it was known to be gone; null where no day after tells that.
  bounds.left_on,
  bounds.days,
  GREATEST(
    DATE_DIFF('day', bounds.entered_on, bounds.last_seen_on) // bounds.cadence_days + 1 - bounds.days, 0
  ) AS gap_days,
  bounds.unseen_days,
  -- What was not known may have been a day on the list, before the run and after it too, as far as the list is known.
  CASE
    WHEN bounds.entered_after IS NOT NULL
      THEN GREATEST(
        CASE
          WHEN bounds.left_on IS NOT NULL
            THEN (DATE_DIFF('day', bounds.entered_after, bounds.left_on) - 1) // bounds.cadence_days
          ELSE DATE_DIFF('day', bounds.entered_after, bounds.last_date) // bounds.cadence_days
        END,
        bounds.days
      )
  END AS most_days,
  bounds.peak_position,
  bounds.first_position,
  bounds.last_position,
  names.item_type,
  names.item_id,
  names.uri,
  names.url,
  names.name,
  names.artist
FROM bounds
JOIN names
  ON bounds.playlist_id = names.playlist_id
  AND bounds.track_key = names.track_key
  AND bounds.run_number = names.run_number
