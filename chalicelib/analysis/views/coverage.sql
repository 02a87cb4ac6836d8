-- Every day of a list from the first that was tried: what it is worth, or that it was missed. A list that is still read
-- goes on to yesterday, since today is not over; an imported one ends with its source, one that is followed no longer
-- with the day that says so.
WITH spans AS (
  SELECT
    playlist_id,
    CASE WHEN playlist_id LIKE 'chart:%-weekly' THEN 7 ELSE 1 END AS cadence_days,
    MIN(snapshot_date) AS first_date,
    CASE
      -- A try that failed has no source, and imports do not fail.
      WHEN BOOL_AND(COALESCE(source, '') LIKE 'import:%') THEN MAX(snapshot_date)
      WHEN MAX(CASE WHEN status = 'ended' THEN snapshot_date END) = MAX(snapshot_date) THEN MAX(snapshot_date)
      ELSE GREATEST(MAX(snapshot_date), CURRENT_DATE - INTERVAL 1 DAY)
    END AS last_date
  FROM snapshots
  GROUP BY playlist_id
),
calendar AS (
  SELECT spans.playlist_id, spans.cadence_days, spans.first_date, CAST(days.day AS DATE) AS snapshot_date
  FROM spans
  CROSS JOIN UNNEST(GENERATE_SERIES(spans.first_date, CAST(spans.last_date AS DATE), INTERVAL 1 DAY)) AS days(day)
)
SELECT
  calendar.playlist_id,
  calendar.snapshot_date,
  CASE
    WHEN mixed_days.playlist_id IS NOT NULL THEN 'suspect'
    ELSE COALESCE(snapshots.status, 'missed')
  END AS status,
  CASE
    WHEN mixed_days.playlist_id IS NOT NULL THEN 'A run ended while it replaced this day. The next run mends it.'
    ELSE snapshots.reason
  END AS reason,
  snapshots.entry_count,
  snapshots.captured_at,
  snapshots.source
FROM calendar
LEFT JOIN snapshots
  ON calendar.playlist_id = snapshots.playlist_id AND calendar.snapshot_date = snapshots.snapshot_date
LEFT JOIN mixed_days
  ON calendar.playlist_id = mixed_days.playlist_id AND calendar.snapshot_date = mixed_days.snapshot_date
WHERE
  snapshots.status IS NOT NULL
  OR DATE_DIFF('day', calendar.first_date, calendar.snapshot_date) % calendar.cadence_days = 0
