-- Every item that ever stood on a list, with the latest known value of each attribute: an attribute that Spotify stopped
-- giving keeps its last value.
WITH lake AS (SELECT DISTINCT uri, lake_key FROM recordings),
ranked AS (
  SELECT
    standings.*,
    COALESCE(lake.lake_key, standings.track_key) AS any_key,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(lake.lake_key, standings.track_key)
      ORDER BY standings.snapshot_date DESC, standings.captured_at DESC, standings.playlist_id, standings.position
    ) AS age
  FROM standings
  LEFT JOIN lake ON standings.uri = lake.uri
  WHERE standings.track_key IS NOT NULL
)
SELECT
  any_key AS track_key,
  ARG_MIN(item_type, age) AS item_type,
  ARG_MIN(item_id, age) FILTER (WHERE item_id IS NOT NULL) AS item_id,
  ARG_MIN(uri, age) FILTER (WHERE uri IS NOT NULL) AS uri,
  ARG_MIN(url, age) FILTER (WHERE url IS NOT NULL) AS url,
  ARG_MIN(name, age) FILTER (WHERE name IS NOT NULL) AS name,
  ARG_MIN(artist, age) FILTER (WHERE artist IS NOT NULL) AS artist,
  ARG_MIN(album_id, age) FILTER (WHERE album_id IS NOT NULL) AS album_id,
  ARG_MIN(album_name, age) FILTER (WHERE album_name IS NOT NULL) AS album_name,
  ARG_MIN(album_release_date, age) FILTER (WHERE album_release_date IS NOT NULL) AS album_release_date,
  ARG_MIN(album_image_url, age) FILTER (WHERE album_image_url IS NOT NULL) AS album_image_url,
  ARG_MIN(isrc, age) FILTER (WHERE isrc IS NOT NULL) AS isrc,
  ARG_MIN(duration_ms, age) FILTER (WHERE duration_ms IS NOT NULL) AS duration_ms,
  ARG_MIN(explicit, age) FILTER (WHERE explicit IS NOT NULL) AS explicit,
  ARG_MIN(popularity, age) FILTER (WHERE popularity IS NOT NULL) AS popularity,
  MIN(snapshot_date) AS first_seen_on,
  MAX(snapshot_date) AS last_seen_on,
  COUNT(DISTINCT snapshot_date) AS days_seen,
  COUNT(DISTINCT playlist_id) AS playlists,
  COUNT(DISTINCT uri) AS uris,
  MIN(position) AS peak_position
FROM ranked
GROUP BY any_key
