-- Every artist of a track that ever stood on a list, under the latest name.
WITH ranked AS (
  SELECT
    credits.*,
    ROW_NUMBER() OVER (
      PARTITION BY artist_key ORDER BY snapshot_date DESC, captured_at DESC, playlist_id, position, place
    ) AS age
  FROM credits
)
SELECT
  artist_key,
  MIN(artist_id) AS artist_id,
  ARG_MIN(artist_name, age) FILTER (WHERE artist_name IS NOT NULL) AS name,
  CASE WHEN MIN(artist_id) IS NOT NULL THEN 'https://open.spotify.com/artist/' || MIN(artist_id) END AS url,
  MIN(snapshot_date) AS first_seen_on,
  MAX(snapshot_date) AS last_seen_on,
  COUNT(DISTINCT snapshot_date) AS days_seen,
  COUNT(DISTINCT track_key) AS tracks,
  COUNT(DISTINCT playlist_id) AS playlists,
  COUNT(*) AS entries,
  MIN(position) AS peak_position
FROM ranked
GROUP BY artist_key
