-- Whose a list is on each known day: how many of its entries credit an artist, come from a label, are explicit, and are how
-- many minutes long. Those of which that is not known are counted apart, under null.
WITH stand AS (
  SELECT
    keyed.playlist_id,
    keyed.snapshot_date,
    keyed.position,
    entries.artists,
    entries.label,
    CASE WHEN entries.explicit THEN 'true' WHEN NOT entries.explicit THEN 'false' END AS explicit_word,
    CAST(entries.duration_ms // 60000 AS VARCHAR) AS minutes
  FROM keyed
  JOIN entries
    ON keyed.playlist_id = entries.playlist_id
    AND keyed.snapshot_date = entries.snapshot_date
    AND keyed.position = entries.position
  WHERE keyed.track_key IS NOT NULL
),
credited AS (
  SELECT
    stand.playlist_id,
    stand.snapshot_date,
    stand.position,
    COALESCE(
      stand.artists[CAST(places.place AS INTEGER)].id, stand.artists[CAST(places.place AS INTEGER)].name
    ) AS artist_key,
    stand.artists[CAST(places.place AS INTEGER)].name AS artist_name
  FROM stand
  CROSS JOIN UNNEST(GENERATE_SERIES(1, ARRAY_LENGTH(stand.artists))) AS places(place)
  WHERE ARRAY_LENGTH(stand.artists) > 0
),
-- Who is credited twice with one entry has one.
known AS (
  SELECT playlist_id, snapshot_date, 'artist' AS kind, artist_key AS share_key, artist_name AS name, position
  FROM credited
  WHERE artist_key IS NOT NULL
  UNION ALL
  SELECT playlist_id, snapshot_date, 'label', label, label, position FROM stand WHERE label IS NOT NULL
  UNION ALL
  SELECT playlist_id, snapshot_date, 'explicit', explicit_word, explicit_word, position
  FROM stand
  WHERE explicit_word IS NOT NULL
  UNION ALL
  SELECT playlist_id, snapshot_date, 'length', minutes, minutes, position FROM stand WHERE minutes IS NOT NULL
),
totals AS (
  SELECT playlist_id, snapshot_date, kind, COUNT(DISTINCT position) AS known_entries
  FROM known
  GROUP BY playlist_id, snapshot_date, kind
),
counted AS (
  SELECT
    playlist_id,
    snapshot_date,
    kind,
    share_key,
    MIN(name) AS name,
    COUNT(DISTINCT position) AS entries
  FROM known
  GROUP BY playlist_id, snapshot_date, kind, share_key
),
all_entries AS (
  SELECT playlist_id, snapshot_date, COUNT(*) AS entries FROM stand GROUP BY playlist_id, snapshot_date
),
kinds AS (
  SELECT 'artist' AS kind
  UNION ALL
  SELECT 'label'
  UNION ALL
  SELECT 'explicit'
  UNION ALL
  SELECT 'length'
)
SELECT
  counted.playlist_id,
  counted.snapshot_date,
  counted.kind,
  counted.share_key,
  counted.name,
  counted.entries,
  counted.entries / totals.known_entries AS share
FROM counted
JOIN totals
  ON counted.playlist_id = totals.playlist_id
  AND counted.snapshot_date = totals.snapshot_date
  AND counted.kind = totals.kind
UNION ALL
SELECT
  all_entries.playlist_id,
  all_entries.snapshot_date,
  kinds.kind,
  CAST(NULL AS VARCHAR),
  CAST(NULL AS VARCHAR),
  all_entries.entries - COALESCE(totals.known_entries, 0),
  CAST(NULL AS DOUBLE)
FROM all_entries
CROSS JOIN kinds
LEFT JOIN totals
  ON all_entries.playlist_id = totals.playlist_id
  AND all_entries.snapshot_date = totals.snapshot_date
  AND kinds.kind = totals.kind
WHERE all_entries.entries > COALESCE(totals.known_entries, 0)
