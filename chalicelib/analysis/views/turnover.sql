-- How much of a list is another between two known days that follow one another: who came, who went, and who is seen on one
-- of the two only, though an empty slot, or a place that an imported day lacks, may hold it on the other.
WITH beside AS (
  SELECT
    playlist_id,
    day_number,
    starts,
    last_number,
    away_number,
    gone_number,
    LAG(gone_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS gone_before,
    LEAD(day_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS next_number
  FROM moves
),
-- Of each item, what its day tells of the known day before, and of the one after.
seen AS (
  SELECT
    playlist_id,
    day_number,
    1 AS here,
    0 AS before,
    CASE WHEN COALESCE(last_number, 0) <> day_number - 1 THEN 1 ELSE 0 END AS appeared,
    CASE
      WHEN
        COALESCE(last_number, 0) <> day_number - 1
        AND starts
        AND (COALESCE(away_number, 0) = day_number - 1 OR COALESCE(gone_before, 0) = day_number - 1)
        THEN 1
      ELSE 0
    END AS came,
    0 AS vanished,
    0 AS went
  FROM beside
  UNION ALL
  SELECT
    playlist_id,
    day_number + 1,
    0,
    1,
    0,
    0,
    CASE WHEN COALESCE(next_number, 0) <> day_number + 1 THEN 1 ELSE 0 END,
    CASE
      WHEN COALESCE(next_number, 0) <> day_number + 1 AND COALESCE(gone_number, 0) = day_number + 1 THEN 1
      ELSE 0
    END
  FROM beside
),
counted AS (
  SELECT
    playlist_id,
    day_number,
    SUM(here) AS items,
    SUM(before) AS items_before,
    SUM(appeared) AS appeared,
    SUM(came) AS came,
    SUM(vanished) AS vanished,
    SUM(went) AS went
  FROM seen
  GROUP BY playlist_id, day_number
),
days AS (
  SELECT
    known_days.playlist_id,
    known_days.snapshot_date,
    known_days.previous_date,
    known_days.day_number,
    known_days.cadence_days,
    slots.empty_slots,
    LAG(slots.empty_slots) OVER (PARTITION BY known_days.playlist_id ORDER BY known_days.day_number) AS slots_before,
    known_days.missing_places
    + LAG(known_days.missing_places) OVER (PARTITION BY known_days.playlist_id ORDER BY known_days.day_number) AS lacking
  FROM known_days
  JOIN slots ON known_days.playlist_id = slots.playlist_id AND known_days.snapshot_date = slots.snapshot_date
),
-- A place that an imported day lacks need not be the one that another day lacks.
sure AS (
  SELECT
    days.playlist_id,
    days.snapshot_date,
    days.previous_date,
    GREATEST(DATE_DIFF('day', days.previous_date, days.snapshot_date) // days.cadence_days, 1) AS interval_days,
    CAST(COALESCE(counted.items_before, 0) AS BIGINT) AS items_before,
    CAST(COALESCE(counted.items, 0) AS BIGINT) AS items,
    CAST(COALESCE(counted.appeared, 0) AS BIGINT) AS appeared,
    CAST(CASE WHEN lacking = 0 OR slots_before = 0 THEN COALESCE(counted.came, 0) ELSE 0 END AS BIGINT) AS came,
    CAST(COALESCE(counted.vanished, 0) AS BIGINT) AS vanished,
    CAST(CASE WHEN lacking = 0 OR empty_slots = 0 THEN COALESCE(counted.went, 0) ELSE 0 END AS BIGINT) AS went
  FROM days
  LEFT JOIN counted ON days.playlist_id = counted.playlist_id AND days.day_number = counted.day_number
  WHERE days.day_number > 1
)
SELECT
  playlist_id,
  snapshot_date,
  previous_date,
  interval_days,
  items_before,
  items,
  came,
  went,
  appeared - came AS perhaps_came,
  vanished - went AS perhaps_went,
  (came + went) / NULLIF(items_before + items, 0) AS turnover,
  (appeared + vanished) / NULLIF(items_before + items, 0) AS most_turnover,
  (came + went) / NULLIF((items_before + items) * interval_days, 0) AS turnover_a_day
FROM sure
