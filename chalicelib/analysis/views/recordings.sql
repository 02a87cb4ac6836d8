-- What is known of the identity of a list's URIs, and by which evidence: the ISRC that the list tells; else that one URI
-- took the place of another from one known day to the next, either as the chart's own figures prove it, or under the
-- same artists and title where nothing contradicts. Only URIs that never stand on one day together are joined.
WITH uris AS (
  SELECT playlist_id, uri, MIN(UPPER(REPLACE(isrc, '-', ''))) AS isrc
  FROM entries
  WHERE uri IS NOT NULL
  GROUP BY playlist_id, uri
),
told AS (
  SELECT
    entries.playlist_id,
    entries.uri,
    known_days.day_number,
    known_days.snapshot_date,
    known_days.previous_date,
    known_days.cadence_days,
    entries.position,
    entries.reported_previous,
    entries.reported_days,
    entries.name,
    ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', ') AS artist
  FROM entries
  JOIN uris ON entries.playlist_id = uris.playlist_id AND entries.uri = uris.uri
  JOIN known_days ON entries.playlist_id = known_days.playlist_id AND entries.snapshot_date = known_days.snapshot_date
  WHERE uris.isrc IS NULL
),
neighbours AS (
  SELECT
    told.*,
    LAG(day_number) OVER (PARTITION BY playlist_id, uri ORDER BY day_number, position) AS seen_before,
    LEAD(day_number) OVER (PARTITION BY playlist_id, uri ORDER BY day_number, position) AS seen_after
  FROM told
),
-- Who was gone the day after, beside who had not been there the day before.
pairs AS (
  SELECT
    old.playlist_id,
    old.uri AS old_uri,
    new.uri AS new_uri,
    new.snapshot_date,
    old.name = new.name AND old.artist = new.artist AND old.name <> '' AND old.artist <> '' AS named,
    old.artist,
    old.name,
    DATE_DIFF('day', new.previous_date, new.snapshot_date) = new.cadence_days
      AND new.reported_previous = old.position
      AND new.reported_days = old.reported_days + 1 AS proven,
    -- A chart's own figures speak of its own day before.
    DATE_DIFF('day', new.previous_date, new.snapshot_date) = new.cadence_days
      AND new.reported_previous <> old.position AS elsewhere,
    new.reported_days <= old.reported_days AS younger
  FROM neighbours AS old
  JOIN neighbours AS new
    ON old.playlist_id = new.playlist_id
    AND old.day_number + 1 = new.day_number
    AND (old.position = new.reported_previous OR old.name = new.name)
  WHERE
    COALESCE(old.seen_after, 0) NOT IN (old.day_number, old.day_number + 1)
    AND COALESCE(new.seen_before, 0) NOT IN (new.day_number, new.day_number - 1)
),
-- Where two came or went under one name, nobody knows which is which.
weighed AS (
  SELECT
    pairs.*,
    COUNT(*) OVER (PARTITION BY playlist_id, snapshot_date, old_uri) AS of_the_old,
    COUNT(*) OVER (PARTITION BY playlist_id, snapshot_date, new_uri) AS of_the_new
  FROM pairs
  WHERE
    COALESCE(proven, FALSE)
    OR (COALESCE(named, FALSE) AND NOT COALESCE(elsewhere, FALSE) AND NOT COALESCE(younger, FALSE))
),
links AS (
  SELECT
    playlist_id,
    old_uri,
    new_uri,
    -- All that took over from each other under one name are one, however often that was.
    CASE WHEN named THEN artist || ': ' || name ELSE old_uri || ' ' || new_uri END AS link,
    CASE WHEN proven THEN 'reported' ELSE 'name' END AS evidence,
    snapshot_date
  FROM weighed
  WHERE of_the_old = 1 AND of_the_new = 1
),
ends AS (
  SELECT playlist_id, old_uri AS uri, link, evidence, snapshot_date FROM links
  UNION ALL
  SELECT playlist_id, new_uri AS uri, link, evidence, snapshot_date FROM links
),
-- The first URI by the alphabet goes from link to URI and from URI to link: through three changes of name.
first_link AS (SELECT ends.*, MIN(uri) OVER (PARTITION BY playlist_id, link) AS first_uri FROM ends),
first_uri AS (
  SELECT
    playlist_id, uri, link, evidence, snapshot_date, MIN(first_uri) OVER (PARTITION BY playlist_id, uri) AS first_uri
  FROM first_link
),
second_link AS (
  SELECT
    playlist_id, uri, link, evidence, snapshot_date, MIN(first_uri) OVER (PARTITION BY playlist_id, link) AS first_uri
  FROM first_uri
),
second_uri AS (
  SELECT
    playlist_id, uri, link, evidence, snapshot_date, MIN(first_uri) OVER (PARTITION BY playlist_id, uri) AS first_uri
  FROM second_link
),
third_link AS (
  SELECT
    playlist_id, uri, evidence, snapshot_date, MIN(first_uri) OVER (PARTITION BY playlist_id, link) AS first_uri
  FROM second_uri
),
joined AS (
  SELECT
    playlist_id,
    uri,
    MIN(first_uri) AS track_key,
    MAX(evidence) AS evidence,
    MIN(snapshot_date) AS joined_on
  FROM third_link
  GROUP BY playlist_id, uri
),
together AS (
  SELECT DISTINCT joined.playlist_id, joined.track_key
  FROM joined
  JOIN told ON joined.playlist_id = told.playlist_id AND joined.uri = told.uri
  GROUP BY joined.playlist_id, joined.track_key, told.day_number
  HAVING MIN(joined.uri) < MAX(joined.uri)
),
known AS (
  SELECT playlist_id, uri, isrc, isrc AS track_key, 'isrc' AS evidence, CAST(NULL AS DATE) AS joined_on
  FROM uris
  WHERE isrc IS NOT NULL
  UNION ALL
  SELECT joined.playlist_id, joined.uri, CAST(NULL AS VARCHAR), joined.track_key, joined.evidence, joined.joined_on
  FROM joined
  LEFT JOIN together ON joined.playlist_id = together.playlist_id AND joined.track_key = together.track_key
  WHERE together.track_key IS NULL
),
-- Over all lists: the first key by the alphabet, an ISRC before a URI, goes the same way.
by_uri AS (SELECT known.*, MIN(track_key) OVER (PARTITION BY uri) AS any_key FROM known),
by_list AS (
  SELECT
    playlist_id, uri, isrc, track_key, evidence, joined_on,
    MIN(any_key) OVER (PARTITION BY playlist_id, track_key) AS any_key
  FROM by_uri
)
SELECT
  playlist_id, uri, isrc, track_key, evidence, joined_on, MIN(any_key) OVER (PARTITION BY uri) AS lake_key
FROM by_list
