-- Every entry of every known day as a place only: list, day, position, the key by which an item is the same one from day
-- to day, and the item's days before. The key is its ISRC, since Spotify gives a recording new ids, else that of the URIs
-- that are joined (`recordings`), else its URI or id, else what it is called. What a list itself tells counts, so that its
-- history is the same whatever else is in the lake. A slot whose item is gone has no key, and no days before.
-- All is reckoned over these narrow rows at once: what an entry is called is joined to them last, where it is asked for.
WITH named AS (
  SELECT
    entries.playlist_id,
    entries.snapshot_date,
    entries.position,
    slots.day_number,
    slots.previous_date,
    slots.next_date,
    slots.cadence_days,
    slots.away_number,
    slots.gone_number,
    -- Not an inner join, since what is left out of a day that is not known shall not make an engine expect more rows
    -- here than there are entries: these places have no key, and go in the end.
    CASE
      WHEN slots.day_number IS NOT NULL
        THEN COALESCE(
          recordings.track_key,
          UPPER(REPLACE(entries.isrc, '-', '')),
          entries.uri,
          entries.item_id,
          entries.item_type || ':' || COALESCE(
            NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', '), '') || ':', ''
          ) || NULLIF(entries.name, '')
        )
    END AS track_key
  FROM entries
  LEFT JOIN slots ON entries.playlist_id = slots.playlist_id AND entries.snapshot_date = slots.snapshot_date
  LEFT JOIN recordings ON entries.playlist_id = recordings.playlist_id AND entries.uri = recordings.uri
),
-- A list may hold an item twice on a day: it stands where it stands first, and all its places tell the same days before.
seen AS (
  SELECT
    named.*,
    ROW_NUMBER() OVER (PARTITION BY playlist_id, track_key ORDER BY day_number, position)
      - RANK() OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) + 1 AS occurrence,
    DENSE_RANK() OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS days_on_list,
    MIN(position) OVER (
      PARTITION BY playlist_id, track_key ORDER BY day_number RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS peak_position,
    MIN(position) OVER (
      PARTITION BY playlist_id, track_key ORDER BY day_number RANGE BETWEEN 1 PRECEDING AND 1 PRECEDING
    ) AS previous_position,
    LAG(day_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number, position) AS last_number,
    LAG(gone_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number, position) AS ended_number,
    FIRST_VALUE(snapshot_date) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS debut_date,
    -- Where nothing tells that it was away before its first day, that is not its debut.
    FIRST_VALUE(away_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) IS NULL AS listed_before
  FROM named
),
-- A run is a stay that no known day ends: it goes on over days that are not known, and over those on which an empty slot
-- may hold the item.
marked AS (
  SELECT
    seen.*,
    CASE WHEN occurrence = 1 AND (last_number IS NULL OR ended_number < day_number) THEN days_on_list END AS started
  FROM seen
),
counted AS (
  SELECT
    marked.*,
    COUNT(started) OVER (
      PARTITION BY playlist_id, track_key ORDER BY day_number RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS run_number,
    days_on_list - MAX(started) OVER (
      PARTITION BY playlist_id, track_key ORDER BY day_number RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) + 1 AS streak
  FROM marked
)
SELECT
  playlist_id,
  snapshot_date,
  position,
  day_number,
  previous_date,
  next_date,
  cadence_days,
  away_number,
  gone_number,
  track_key,
  CASE WHEN track_key IS NULL THEN 1 ELSE occurrence END AS occurrence,
  CASE WHEN track_key IS NOT NULL THEN days_on_list END AS days_on_list,
  CASE WHEN track_key IS NOT NULL THEN peak_position END AS peak_position,
  CASE WHEN track_key IS NOT NULL THEN previous_position END AS previous_position,
  CASE WHEN track_key IS NOT NULL AND occurrence = 1 THEN last_number END AS last_number,
  CASE WHEN track_key IS NOT NULL THEN debut_date END AS debut_date,
  CASE WHEN track_key IS NOT NULL THEN listed_before END AS listed_before,
  CASE WHEN track_key IS NOT NULL THEN started IS NOT NULL END AS starts,
  CASE WHEN track_key IS NOT NULL THEN run_number END AS run_number,
  CASE WHEN track_key IS NOT NULL THEN streak END AS streak
FROM counted
WHERE day_number IS NOT NULL
