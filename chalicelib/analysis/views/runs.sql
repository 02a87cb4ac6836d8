-- The intervals during which an item was on a list without being known to be off it. A day on which nobody looked does
-- not end a run: it counts as one of its gap days.
WITH numbered AS (
  SELECT
    standings.*,
    day_number - ROW_NUMBER() OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS island
  FROM standings
  WHERE occurrence = 1 AND track_key IS NOT NULL
),
islands AS (
  SELECT
    playlist_id,
    track_key,
    MIN(snapshot_date) AS entered_on,
    MIN(previous_date) AS entered_after,
    MAX(snapshot_date) AS last_seen_on,
    COUNT(*) AS days,
    GREATEST(DATE_DIFF('day', MIN(snapshot_date), MAX(snapshot_date)) // MIN(cadence_days) + 1 - COUNT(*), 0) AS gap_days,
    MIN(position) AS peak_position,
    ARG_MIN(position, day_number) AS first_position,
    ARG_MAX(position, day_number) AS last_position,
    ARG_MAX(item_type, day_number) AS item_type,
    ARG_MAX(item_id, day_number) FILTER (WHERE item_id IS NOT NULL) AS item_id,
    ARG_MAX(uri, day_number) FILTER (WHERE uri IS NOT NULL) AS uri,
    ARG_MAX(url, day_number) FILTER (WHERE url IS NOT NULL) AS url,
    ARG_MAX(name, day_number) FILTER (WHERE name IS NOT NULL) AS name,
    ARG_MAX(artist, day_number) FILTER (WHERE artist IS NOT NULL) AS artist
  FROM numbered
  GROUP BY playlist_id, track_key, island
)
SELECT
  islands.playlist_id,
  islands.track_key,
  ROW_NUMBER() OVER (PARTITION BY islands.playlist_id, islands.track_key ORDER BY islands.entered_on) AS run_number,
  islands.entered_on,
  -- The last day on which it was known not to be there; null where the list is not known any earlier.
  CASE WHEN islands.entered_on > first_days.first_date THEN islands.entered_after END AS entered_after,
  islands.last_seen_on,
  -- The first day on which it was known to be gone; null where it is there on the last known day.
  last_days.next_date AS left_on,
  islands.days,
  islands.gap_days,
  islands.peak_position,
  islands.first_position,
  islands.last_position,
  islands.item_type,
  islands.item_id,
  islands.uri,
  islands.url,
  islands.name,
  islands.artist
FROM islands
JOIN known_days AS last_days
  ON islands.playlist_id = last_days.playlist_id AND islands.last_seen_on = last_days.snapshot_date
JOIN (SELECT playlist_id, MIN(snapshot_date) AS first_date FROM known_days GROUP BY playlist_id) AS first_days
  ON islands.playlist_id = first_days.playlist_id
