-- A list on each known day, beside the days before: what moved, what is new, what came back. All of it counts known
-- days only: a peak or a debut before the first of them is not known, and the first day itself tells no movement.
WITH items AS (
  SELECT
    playlist_id,
    track_key,
    snapshot_date,
    day_number,
    position,
    ROW_NUMBER() OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS days_on_list,
    MIN(position) OVER (
      PARTITION BY playlist_id, track_key ORDER BY day_number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS peak_position,
    MIN(snapshot_date) OVER (PARTITION BY playlist_id, track_key) AS debut_date,
    MIN(day_number) OVER (PARTITION BY playlist_id, track_key) AS debut_number,
    LAG(day_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS last_number,
    LAG(position) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS last_position
  FROM standings
  WHERE occurrence = 1 AND track_key IS NOT NULL
),
moved AS (
  SELECT
    items.*,
    CASE WHEN last_number = day_number - 1 THEN last_position END AS previous_position,
    ROW_NUMBER() OVER (PARTITION BY playlist_id, track_key, day_number - days_on_list ORDER BY day_number) AS streak
  FROM items
)
SELECT
  standings.playlist_id,
  standings.snapshot_date,
  standings.position,
  moved.previous_position,
  CASE WHEN standings.occurrence = 1 THEN moved.previous_position - moved.position END AS movement,
  CASE
    WHEN standings.track_key IS NULL OR standings.day_number = 1 THEN NULL
    WHEN standings.occurrence > 1 THEN 'duplicate'
    WHEN moved.last_number IS NULL THEN 'new'
    WHEN moved.previous_position IS NULL THEN 're-entry'
    WHEN moved.previous_position > moved.position THEN 'up'
    WHEN moved.previous_position < moved.position THEN 'down'
    ELSE 'same'
  END AS change,
  moved.peak_position,
  moved.days_on_list,
  moved.streak,
  moved.debut_date,
  moved.debut_number = 1 AS listed_before,
  standings.previous_date,
  CASE
    -- A week under another day than the others is less than a week away.
    WHEN standings.previous_date IS NOT NULL
      THEN GREATEST(DATE_DIFF('day', standings.previous_date, standings.snapshot_date) // standings.cadence_days - 1, 0)
  END AS gap_days,
  standings.track_key,
  standings.occurrence,
  standings.item_type,
  standings.item_id,
  standings.uri,
  standings.url,
  standings.name,
  standings.artist,
  standings.artists,
  standings.album_id,
  standings.album_name,
  standings.album_release_date,
  standings.album_image_url,
  standings.isrc,
  standings.duration_ms,
  standings.explicit,
  standings.popularity,
  standings.streams,
  standings.added_at,
  standings.source
FROM standings
LEFT JOIN moved
  ON standings.playlist_id = moved.playlist_id
  AND standings.snapshot_date = moved.snapshot_date
  AND standings.track_key = moved.track_key
