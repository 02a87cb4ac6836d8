-- An item's place on a known day beside all its days on the list before. A run is a stay that no known day ends: it goes
-- on over days that are not known, and over those on which an empty slot may hold the item.
WITH seen AS (
  SELECT
    keyed.playlist_id,
    keyed.track_key,
    keyed.snapshot_date,
    keyed.day_number,
    keyed.position,
    slots.away_number,
    slots.gone_number,
    ROW_NUMBER() OVER (PARTITION BY keyed.playlist_id, keyed.track_key ORDER BY keyed.day_number) AS days_on_list,
    MIN(keyed.position) OVER (
      PARTITION BY keyed.playlist_id, keyed.track_key ORDER BY keyed.day_number
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS peak_position,
    LAG(keyed.day_number) OVER (PARTITION BY keyed.playlist_id, keyed.track_key ORDER BY keyed.day_number) AS last_number,
    LAG(keyed.position) OVER (PARTITION BY keyed.playlist_id, keyed.track_key ORDER BY keyed.day_number) AS last_position,
    LAG(slots.gone_number) OVER (PARTITION BY keyed.playlist_id, keyed.track_key ORDER BY keyed.day_number) AS ended_number
  FROM keyed
  JOIN slots ON keyed.playlist_id = slots.playlist_id AND keyed.snapshot_date = slots.snapshot_date
  WHERE keyed.occurrence = 1 AND keyed.track_key IS NOT NULL
),
marked AS (
  SELECT seen.*, CASE WHEN last_number IS NULL OR ended_number < day_number THEN days_on_list END AS started
  FROM seen
)
SELECT
  playlist_id,
  track_key,
  snapshot_date,
  day_number,
  position,
  peak_position,
  days_on_list,
  last_number,
  CASE WHEN last_number = day_number - 1 THEN last_position END AS previous_position,
  MIN(snapshot_date) OVER (PARTITION BY playlist_id, track_key) AS debut_date,
  -- Where nothing tells that it was away before its first day, that is not its debut.
  COUNT(CASE WHEN days_on_list = 1 THEN away_number END) OVER (PARTITION BY playlist_id, track_key) = 0 AS listed_before,
  started IS NOT NULL AS starts,
  COUNT(started) OVER (
    PARTITION BY playlist_id, track_key ORDER BY day_number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) AS run_number,
  days_on_list - MAX(started) OVER (
    PARTITION BY playlist_id, track_key ORDER BY day_number ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
  ) + 1 AS streak,
  away_number,
  gone_number
FROM marked
