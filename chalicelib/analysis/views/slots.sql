-- How many places of a known day nobody is seen to hold: slots that Spotify emptied, places that an imported day lacks.
-- Who was seen the day before may stand in such a slot, as long as there are more of them than on that day.
WITH counted AS (
  SELECT
    known_days.playlist_id,
    known_days.snapshot_date,
    known_days.day_number,
    known_days.previous_date,
    known_days.next_date,
    known_days.cadence_days,
    COALESCE(held.slots, 0) + known_days.missing_places AS empty_slots
  FROM known_days
  LEFT JOIN (
    SELECT playlist_id, snapshot_date, COUNT(*) AS slots FROM emptied GROUP BY playlist_id, snapshot_date
  ) AS held
    ON known_days.playlist_id = held.playlist_id AND known_days.snapshot_date = held.snapshot_date
),
neighbours AS (
  SELECT
    counted.*,
    LAG(empty_slots) OVER (PARTITION BY playlist_id ORDER BY day_number) AS slots_before,
    LEAD(empty_slots) OVER (PARTITION BY playlist_id ORDER BY day_number) AS slots_after,
    MAX(CASE WHEN empty_slots = 0 THEN day_number END) OVER (
      PARTITION BY playlist_id ORDER BY day_number ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS whole_before,
    MIN(CASE WHEN empty_slots = 0 THEN day_number END) OVER (
      PARTITION BY playlist_id ORDER BY day_number ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS whole_after
  FROM counted
),
-- Seldom needed: only beside days with more empty slots.
beside AS (
  SELECT
    neighbours.playlist_id,
    neighbours.day_number,
    MAX(CASE WHEN other.day_number < neighbours.day_number THEN other.day_number END) AS away_number,
    MIN(CASE WHEN other.day_number > neighbours.day_number THEN other.day_number END) AS gone_number
  FROM neighbours
  JOIN counted AS other
    ON neighbours.playlist_id = other.playlist_id AND other.empty_slots <= neighbours.empty_slots
  WHERE
    neighbours.slots_before > neighbours.empty_slots OR neighbours.slots_after > neighbours.empty_slots
  GROUP BY neighbours.playlist_id, neighbours.day_number
)
SELECT
  neighbours.playlist_id,
  neighbours.snapshot_date,
  neighbours.day_number,
  neighbours.previous_date,
  neighbours.next_date,
  neighbours.cadence_days,
  neighbours.empty_slots,
  CASE
    WHEN neighbours.slots_before IS NULL THEN NULL
    WHEN neighbours.slots_before > neighbours.empty_slots THEN beside.away_number
    ELSE neighbours.day_number - 1
  END AS away_number,
  CASE
    WHEN neighbours.slots_after IS NULL THEN NULL
    WHEN neighbours.slots_after > neighbours.empty_slots THEN beside.gone_number
    ELSE neighbours.day_number + 1
  END AS gone_number,
  -- The nearest known days on which each place was seen to be held.
  neighbours.whole_before,
  neighbours.whole_after
FROM neighbours
LEFT JOIN beside ON neighbours.playlist_id = beside.playlist_id AND neighbours.day_number = beside.day_number
