-- How many follow the lists that an item, or an artist, is on, each list on its newest known day. Who follows two of the
-- lists counts twice: nobody tells who follows.
WITH newest AS (
  SELECT known_days.playlist_id, known_days.snapshot_date, snapshots.followers
  FROM known_days
  JOIN snapshots
    ON known_days.playlist_id = snapshots.playlist_id AND known_days.snapshot_date = snapshots.snapshot_date
  WHERE known_days.next_date IS NULL
),
lake AS (SELECT DISTINCT uri, lake_key FROM recordings),
stand AS (
  SELECT
    newest.playlist_id,
    newest.snapshot_date,
    newest.followers,
    keyed.position,
    COALESCE(lake.lake_key, keyed.track_key) AS any_key,
    entries.name,
    entries.artists
  FROM newest
  JOIN keyed ON newest.playlist_id = keyed.playlist_id AND newest.snapshot_date = keyed.snapshot_date
  JOIN entries
    ON keyed.playlist_id = entries.playlist_id
    AND keyed.snapshot_date = entries.snapshot_date
    AND keyed.position = entries.position
  LEFT JOIN lake ON entries.uri = lake.uri
  WHERE keyed.track_key IS NOT NULL
),
told AS (
  SELECT
    'item' AS kind,
    any_key AS reach_key,
    playlist_id,
    snapshot_date,
    followers,
    position,
    CAST(0 AS BIGINT) AS place,
    name,
    NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(artists, lambda artist: artist.name), ', '), '') AS artist
  FROM stand
  UNION ALL
  SELECT
    'artist',
    COALESCE(artists[CAST(places.place AS INTEGER)].id, artists[CAST(places.place AS INTEGER)].name),
    playlist_id,
    snapshot_date,
    followers,
    position,
    places.place,
    artists[CAST(places.place AS INTEGER)].name,
    CAST(NULL AS VARCHAR)
  FROM stand
  CROSS JOIN UNNEST(GENERATE_SERIES(1, ARRAY_LENGTH(stand.artists))) AS places(place)
  WHERE ARRAY_LENGTH(stand.artists) > 0
),
-- A list counts once, wherever on it the item stands.
ranked AS (
  SELECT
    told.*,
    ROW_NUMBER() OVER (
      PARTITION BY kind, reach_key ORDER BY snapshot_date DESC, playlist_id, position, place
    ) AS age,
    ROW_NUMBER() OVER (PARTITION BY kind, reach_key, playlist_id ORDER BY position, place) AS occurrence
  FROM told
  WHERE reach_key IS NOT NULL
)
SELECT
  kind,
  reach_key,
  ARG_MIN(name, age) FILTER (WHERE name IS NOT NULL) AS name,
  ARG_MIN(artist, age) FILTER (WHERE artist IS NOT NULL) AS artist,
  COUNT(DISTINCT playlist_id) AS lists,
  COUNT(CASE WHEN occurrence = 1 THEN followers END) AS lists_known,
  CAST(SUM(CASE WHEN occurrence = 1 THEN followers END) AS BIGINT) AS followers,
  MIN(snapshot_date) AS oldest_date,
  MAX(snapshot_date) AS newest_date
FROM ranked
GROUP BY kind, reach_key
