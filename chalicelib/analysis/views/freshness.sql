-- How old the releases on a list are on each known day, as far as their dates are known to the day.
WITH released AS (
  SELECT
    entries.playlist_id,
    entries.snapshot_date,
    DATE_DIFF('day', TRY_CAST(entries.album_release_date AS DATE), entries.snapshot_date) AS age_days
  FROM keyed
  JOIN entries
    ON keyed.playlist_id = entries.playlist_id
    AND keyed.snapshot_date = entries.snapshot_date
    AND keyed.position = entries.position
  WHERE
    keyed.occurrence = 1
    AND keyed.track_key IS NOT NULL
    AND entries.album_release_date LIKE '____-__-__'
    AND entries.album_release_date >= '1000'
    AND COALESCE(entries.album_release_precision, 'day') = 'day'
),
placed AS (
  SELECT
    released.*,
    ROW_NUMBER() OVER (PARTITION BY playlist_id, snapshot_date ORDER BY age_days) AS place,
    COUNT(*) OVER (PARTITION BY playlist_id, snapshot_date) AS dated
  FROM released
  WHERE age_days IS NOT NULL
),
medians AS (
  SELECT
    playlist_id,
    snapshot_date,
    MIN(dated) AS dated,
    MIN(age_days) AS youngest_days,
    -- The middle one, or the mean of the two in the middle.
    (
      MIN(CASE WHEN place IN ((dated + 1) // 2, dated // 2 + 1) THEN age_days END)
      + MAX(CASE WHEN place IN ((dated + 1) // 2, dated // 2 + 1) THEN age_days END)
    ) / 2 AS median_days,
    MAX(age_days) AS oldest_days
  FROM placed
  GROUP BY playlist_id, snapshot_date
),
items AS (
  SELECT playlist_id, snapshot_date, COUNT(*) AS items
  FROM keyed
  WHERE occurrence = 1 AND track_key IS NOT NULL
  GROUP BY playlist_id, snapshot_date
)
SELECT
  known_days.playlist_id,
  known_days.snapshot_date,
  COALESCE(items.items, 0) AS items,
  COALESCE(medians.dated, 0) AS dated,
  medians.youngest_days,
  medians.median_days,
  medians.oldest_days
FROM known_days
LEFT JOIN items ON known_days.playlist_id = items.playlist_id AND known_days.snapshot_date = items.snapshot_date
LEFT JOIN medians ON known_days.playlist_id = medians.playlist_id AND known_days.snapshot_date = medians.snapshot_date
