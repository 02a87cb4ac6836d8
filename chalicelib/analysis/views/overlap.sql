-- What two lists have in common on the newest day on which both are known. Rank-biased overlap is that of Webber, Moffat
-- and Zobel (2010), extrapolated (their equation 32), with p = 0.9.
WITH newest AS (
  SELECT playlist_id, MAX(snapshot_date) AS last_date FROM known_days GROUP BY playlist_id
),
pairs AS (
  SELECT
    one.playlist_id,
    other.playlist_id AS other_id,
    one.last_date,
    other.last_date AS other_date
  FROM newest AS one
  JOIN newest AS other ON one.playlist_id < other.playlist_id
),
-- Most lists are known to the same day; only of the others each day has to be looked at.
shared AS (
  SELECT playlist_id, other_id, last_date AS snapshot_date FROM pairs WHERE last_date = other_date
  UNION ALL
  SELECT pairs.playlist_id, pairs.other_id, MAX(here.snapshot_date)
  FROM pairs
  JOIN known_days AS here ON pairs.playlist_id = here.playlist_id
  JOIN known_days AS there
    ON pairs.other_id = there.playlist_id AND here.snapshot_date = there.snapshot_date
  WHERE pairs.last_date <> pairs.other_date
  GROUP BY pairs.playlist_id, pairs.other_id
),
days AS (
  SELECT playlist_id, snapshot_date FROM shared
  UNION
  SELECT other_id, snapshot_date FROM shared
),
lake AS (SELECT DISTINCT uri, lake_key FROM recordings),
items AS (
  SELECT
    keyed.playlist_id,
    keyed.snapshot_date,
    COALESCE(lake.lake_key, keyed.track_key) AS any_key,
    MIN(keyed.position) AS position
  FROM keyed
  JOIN days ON keyed.playlist_id = days.playlist_id AND keyed.snapshot_date = days.snapshot_date
  JOIN entries
    ON keyed.playlist_id = entries.playlist_id
    AND keyed.snapshot_date = entries.snapshot_date
    AND keyed.position = entries.position
  LEFT JOIN lake ON entries.uri = lake.uri
  WHERE keyed.track_key IS NOT NULL
  GROUP BY keyed.playlist_id, keyed.snapshot_date, COALESCE(lake.lake_key, keyed.track_key)
),
ranked AS (
  SELECT items.*, ROW_NUMBER() OVER (PARTITION BY playlist_id, snapshot_date ORDER BY position) AS place
  FROM items
),
lengths AS (
  SELECT playlist_id, snapshot_date, COUNT(*) AS items FROM ranked GROUP BY playlist_id, snapshot_date
),
-- To each depth d the sum of p^k / k over all k up to d. Who is in both lists from depth m on adds p^k / k for each k from m.
depths AS (
  SELECT place, SUM(POWER(0.9e0, place) / place) OVER (ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS height
  FROM (SELECT DISTINCT place FROM ranked) AS places
),
met AS (
  SELECT
    shared.playlist_id,
    shared.other_id,
    COUNT(*) AS common,
    COUNT(CASE WHEN GREATEST(one.place, other.place) <= LEAST(one_length.items, other_length.items) THEN 1 END) AS common_above,
    SUM(COALESCE(depths.height, 0)) AS missed
  FROM shared
  JOIN ranked AS one ON shared.playlist_id = one.playlist_id AND shared.snapshot_date = one.snapshot_date
  JOIN ranked AS other
    ON shared.other_id = other.playlist_id
    AND shared.snapshot_date = other.snapshot_date
    AND one.any_key = other.any_key
  JOIN lengths AS one_length ON shared.playlist_id = one_length.playlist_id AND shared.snapshot_date = one_length.snapshot_date
  JOIN lengths AS other_length ON shared.other_id = other_length.playlist_id AND shared.snapshot_date = other_length.snapshot_date
  LEFT JOIN depths ON GREATEST(one.place, other.place) - 1 = depths.place
  GROUP BY shared.playlist_id, shared.other_id
),
measured AS (
  SELECT
    pairs.playlist_id,
    pairs.other_id,
    shared.snapshot_date,
    CASE WHEN shared.snapshot_date IS NOT NULL THEN COALESCE(one_length.items, 0) END AS items,
    CASE WHEN shared.snapshot_date IS NOT NULL THEN COALESCE(other_length.items, 0) END AS other_items,
    CASE WHEN shared.snapshot_date IS NOT NULL THEN COALESCE(met.common, 0) END AS common,
    COALESCE(met.common_above, 0) AS common_above,
    COALESCE(met.missed, 0) AS missed,
    LEAST(COALESCE(one_length.items, 0), COALESCE(other_length.items, 0)) AS shorter,
    GREATEST(COALESCE(one_length.items, 0), COALESCE(other_length.items, 0)) AS longer
  FROM pairs
  LEFT JOIN shared ON pairs.playlist_id = shared.playlist_id AND pairs.other_id = shared.other_id
  LEFT JOIN lengths AS one_length
    ON shared.playlist_id = one_length.playlist_id AND shared.snapshot_date = one_length.snapshot_date
  LEFT JOIN lengths AS other_length
    ON shared.other_id = other_length.playlist_id AND shared.snapshot_date = other_length.snapshot_date
  LEFT JOIN met ON pairs.playlist_id = met.playlist_id AND pairs.other_id = met.other_id
)
SELECT
  measured.playlist_id,
  measured.other_id,
  measured.snapshot_date,
  measured.items,
  measured.other_items,
  measured.common,
  measured.common / NULLIF(measured.items + measured.other_items - measured.common, 0) AS jaccard,
  CASE
    WHEN measured.longer = 0 THEN NULL
    WHEN measured.shorter = 0 THEN 0
    ELSE ROUND(
      (1 - 0.9e0) / 0.9e0 * (
        measured.common * top.height - measured.missed
        + measured.common_above / measured.shorter
          * 0.9e0 * (POWER(0.9e0, measured.shorter) - POWER(0.9e0, measured.longer)) / (1 - 0.9e0)
        - measured.common_above * (top.height - middle.height)
      )
      + ((measured.common - measured.common_above) / measured.longer + measured.common_above / measured.shorter)
        * POWER(0.9e0, measured.longer),
      6
    )
  END AS rank_biased_overlap
FROM measured
LEFT JOIN depths AS top ON measured.longer = top.place
LEFT JOIN depths AS middle ON measured.shorter = middle.place
