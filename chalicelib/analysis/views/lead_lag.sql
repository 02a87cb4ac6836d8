-- Who had it first: for each list and each other one, the items that came to both while both were watched, and by how many
-- days the one was ahead. A debut is known when a known day before it tells that the item was away; it happened after
-- that day, and up to the first known day on which it is there.
WITH lake AS (SELECT DISTINCT uri, lake_key FROM recordings),
firsts AS (
  SELECT
    moves.playlist_id,
    COALESCE(lake.lake_key, moves.track_key) AS any_key,
    MIN(moves.day_number) AS day_number
  FROM moves
  JOIN entries
    ON moves.playlist_id = entries.playlist_id
    AND moves.snapshot_date = entries.snapshot_date
    AND moves.position = entries.position
  LEFT JOIN lake ON entries.uri = lake.uri
  WHERE moves.last_number IS NULL
  GROUP BY moves.playlist_id, COALESCE(lake.lake_key, moves.track_key)
),
watched AS (
  SELECT playlist_id, MIN(snapshot_date) AS first_date FROM known_days GROUP BY playlist_id
),
debuts AS (
  SELECT
    firsts.playlist_id,
    firsts.any_key,
    here.cadence_days,
    watched.first_date,
    here.snapshot_date AS debut_date,
    -- A place that an imported day lacks need not be the one that another day lacks.
    CASE WHEN here.missing_places + away.missing_places = 0 OR away_slots.empty_slots = 0 THEN away.snapshot_date END AS away_date
  FROM firsts
  JOIN watched ON firsts.playlist_id = watched.playlist_id
  JOIN known_days AS here ON firsts.playlist_id = here.playlist_id AND firsts.day_number = here.day_number
  JOIN slots ON firsts.playlist_id = slots.playlist_id AND firsts.day_number = slots.day_number
  LEFT JOIN known_days AS away ON slots.playlist_id = away.playlist_id AND slots.away_number = away.day_number
  LEFT JOIN slots AS away_slots ON slots.playlist_id = away_slots.playlist_id AND slots.away_number = away_slots.day_number
),
both_had AS (
  SELECT
    one.playlist_id,
    other.playlist_id AS other_id,
    one.any_key,
    -- Two weekly charts count in weeks, whatever else in days.
    CASE WHEN one.cadence_days = other.cadence_days THEN one.cadence_days ELSE 1 END AS step,
    one.debut_date AS one_date,
    other.debut_date AS other_date,
    CASE WHEN one.away_date >= GREATEST(one.first_date, other.first_date) THEN one.away_date END AS one_away,
    CASE WHEN other.away_date >= GREATEST(one.first_date, other.first_date) THEN other.away_date END AS other_away
  FROM debuts AS one
  JOIN debuts AS other ON one.any_key = other.any_key AND one.playlist_id < other.playlist_id
),
-- By how many days the first list can have been ahead, at least and at most.
leads AS (
  SELECT
    playlist_id,
    other_id,
    any_key,
    LEAST(DATE_DIFF('day', one_date, other_away) + step, DATE_DIFF('day', one_date, other_date)) AS least_days,
    GREATEST(DATE_DIFF('day', one_away, other_date) - step, DATE_DIFF('day', one_date, other_date)) AS most_days
  FROM both_had
  WHERE one_away IS NOT NULL AND other_away IS NOT NULL
),
told AS (
  SELECT
    leads.*,
    CASE
      WHEN least_days > 0 THEN 'led'
      WHEN most_days < 0 THEN 'followed'
      WHEN least_days = 0 AND most_days = 0 THEN 'together'
      ELSE 'overlapping'
    END AS outcome
  FROM leads
),
compared AS (
  SELECT
    told.*,
    ROW_NUMBER() OVER (PARTITION BY playlist_id, other_id ORDER BY least_days, any_key) AS least_place,
    ROW_NUMBER() OVER (PARTITION BY playlist_id, other_id ORDER BY most_days, any_key) AS most_place,
    COUNT(*) OVER (PARTITION BY playlist_id, other_id) AS compared
  FROM told
  WHERE outcome IN ('led', 'followed', 'together')
),
-- The middle one, or the mean of the two in the middle.
medians AS (
  SELECT
    playlist_id,
    other_id,
    (
      MIN(CASE WHEN least_place IN ((compared + 1) // 2, compared // 2 + 1) THEN least_days END)
      + MAX(CASE WHEN least_place IN ((compared + 1) // 2, compared // 2 + 1) THEN least_days END)
    ) / 2 AS least_median,
    (
      MIN(CASE WHEN most_place IN ((compared + 1) // 2, compared // 2 + 1) THEN most_days END)
      + MAX(CASE WHEN most_place IN ((compared + 1) // 2, compared // 2 + 1) THEN most_days END)
    ) / 2 AS most_median
  FROM compared
  GROUP BY playlist_id, other_id
),
outcomes AS (
  SELECT
    playlist_id,
    other_id,
    COUNT(*) AS known,
    COUNT(CASE WHEN outcome = 'led' THEN 1 END) AS led,
    COUNT(CASE WHEN outcome = 'followed' THEN 1 END) AS followed,
    COUNT(CASE WHEN outcome = 'together' THEN 1 END) AS together,
    COUNT(CASE WHEN outcome = 'overlapping' THEN 1 END) AS overlapping
  FROM told
  GROUP BY playlist_id, other_id
),
counted AS (
  SELECT
    pairs.playlist_id,
    pairs.other_id,
    pairs.common,
    COALESCE(outcomes.led, 0) AS led,
    COALESCE(outcomes.followed, 0) AS followed,
    COALESCE(outcomes.together, 0) AS together,
    COALESCE(outcomes.overlapping, 0) AS overlapping,
    pairs.common - COALESCE(outcomes.known, 0) AS not_known
  FROM (SELECT playlist_id, other_id, COUNT(*) AS common FROM both_had GROUP BY playlist_id, other_id) AS pairs
  LEFT JOIN outcomes ON pairs.playlist_id = outcomes.playlist_id AND pairs.other_id = outcomes.other_id
)
SELECT
  counted.playlist_id,
  counted.other_id,
  counted.common,
  counted.led,
  counted.followed,
  counted.together,
  counted.overlapping,
  counted.not_known,
  medians.least_median AS least_median_days,
  medians.most_median AS most_median_days
FROM counted
LEFT JOIN medians ON counted.playlist_id = medians.playlist_id AND counted.other_id = medians.other_id
UNION ALL
SELECT
  counted.other_id,
  counted.playlist_id,
  counted.common,
  counted.followed,
  counted.led,
  counted.together,
  counted.overlapping,
  counted.not_known,
  0 - medians.most_median,
  0 - medians.least_median
FROM counted
LEFT JOIN medians ON counted.playlist_id = medians.playlist_id AND counted.other_id = medians.other_id
