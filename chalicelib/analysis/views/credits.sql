-- One row for every artist of every entry. Imported charts give no ids: there the name as written is the key, and artists
-- whom the source joined by commas stay one.
WITH placed AS (
  SELECT
    standings.playlist_id,
    standings.snapshot_date,
    standings.captured_at,
    standings.position,
    standings.track_key,
    places.place,
    standings.artists[CAST(places.place AS INTEGER)].id AS artist_id,
    standings.artists[CAST(places.place AS INTEGER)].name AS artist_name
  FROM standings
  CROSS JOIN UNNEST(GENERATE_SERIES(1, ARRAY_LENGTH(standings.artists))) AS places(place)
  WHERE ARRAY_LENGTH(standings.artists) > 0 AND standings.track_key IS NOT NULL
)
SELECT placed.*, COALESCE(artist_id, artist_name) AS artist_key
FROM placed
WHERE COALESCE(artist_id, artist_name) IS NOT NULL
