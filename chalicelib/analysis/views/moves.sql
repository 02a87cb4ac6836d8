-- An item's place on a known day beside all its days on the list before (`placed`).
SELECT
  playlist_id,
  track_key,
  snapshot_date,
  day_number,
  position,
  peak_position,
  days_on_list,
  last_number,
  previous_position,
  debut_date,
  listed_before,
  starts,
  run_number,
  streak,
  away_number,
  gone_number
FROM placed
WHERE occurrence = 1 AND track_key IS NOT NULL
