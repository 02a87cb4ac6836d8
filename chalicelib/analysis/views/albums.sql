-- Every album of a track that ever stood on a list, with the latest known value of each attribute. Where a source has no
-- album ids, the name as written is the key.
WITH ranked AS (
  SELECT
    standings.*,
    COALESCE(album_id, album_name) AS album_key,
    ROW_NUMBER() OVER (
      PARTITION BY COALESCE(album_id, album_name)
      ORDER BY snapshot_date DESC, captured_at DESC, playlist_id, position
    ) AS age
  FROM standings
  WHERE COALESCE(album_id, album_name) IS NOT NULL
)
SELECT
  album_key,
  MIN(album_id) AS album_id,
  ARG_MIN(album_name, age) FILTER (WHERE album_name IS NOT NULL) AS name,
  CASE WHEN MIN(album_id) IS NOT NULL THEN 'https://open.spotify.com/album/' || MIN(album_id) END AS url,
  ARG_MIN(album_type, age) FILTER (WHERE album_type IS NOT NULL) AS album_type,
  ARG_MIN(album_release_date, age) FILTER (WHERE album_release_date IS NOT NULL) AS release_date,
  ARG_MIN(album_release_precision, age) FILTER (WHERE album_release_precision IS NOT NULL) AS release_precision,
  ARG_MIN(album_total_tracks, age) FILTER (WHERE album_total_tracks IS NOT NULL) AS total_tracks,
  ARG_MIN(album_image_url, age) FILTER (WHERE album_image_url IS NOT NULL) AS image_url,
  MIN(snapshot_date) AS first_seen_on,
  MAX(snapshot_date) AS last_seen_on,
  COUNT(DISTINCT snapshot_date) AS days_seen,
  COUNT(DISTINCT track_key) AS tracks,
  COUNT(DISTINCT playlist_id) AS playlists,
  MIN(position) AS peak_position
FROM ranked
GROUP BY album_key
