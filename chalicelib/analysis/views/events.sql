-- What happened to each list, one row an event, between two known days of it: after `after_date`, up to `snapshot_date`.
-- Nothing is told of a list's first known day, nor of an item that an empty slot, or a place that an imported day lacks,
-- may have held. An event's id comes from what its own day holds, so that it is the same whenever it is computed.
WITH known AS (
  SELECT
    known_days.playlist_id,
    known_days.snapshot_date,
    known_days.day_number,
    known_days.previous_date,
    known_days.next_date,
    known_days.cadence_days,
    known_days.entry_count,
    known_days.missing_places,
    slots.empty_slots,
    snapshots.name,
    snapshots.description,
    snapshots.owner_id,
    COALESCE(snapshots.owner_name, snapshots.owner_id) AS owner_name,
    snapshots.followers,
    COALESCE(snapshots.source, '') NOT LIKE 'import:%' AS captured,
    slots.whole_before,
    slots.whole_after
  FROM known_days
  JOIN snapshots
    ON known_days.playlist_id = snapshots.playlist_id AND known_days.snapshot_date = snapshots.snapshot_date
  JOIN slots ON known_days.playlist_id = slots.playlist_id AND known_days.snapshot_date = slots.snapshot_date
),
beside AS (
  SELECT
    moves.*,
    LAG(peak_position) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS peak_before,
    LAG(gone_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS gone_before,
    LAG(snapshot_date) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS last_seen_on,
    LAG(position) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS last_position,
    LEAD(day_number) OVER (PARTITION BY playlist_id, track_key ORDER BY day_number) AS next_number
  FROM moves
),
firsts AS (SELECT playlist_id, day_number, track_key FROM keyed WHERE position = 1),
-- Of items: on which known day, after which, and the entry that shows what it is.
of_items AS (
  SELECT
    playlist_id,
    CASE WHEN last_number IS NULL THEN 'entered' ELSE 're-entered' END AS kind,
    day_number,
    CASE WHEN last_number IS NULL THEN away_number ELSE GREATEST(gone_before, COALESCE(away_number, 1)) END AS after_number,
    track_key,
    snapshot_date AS seen_on,
    position AS seen_at,
    position,
    CAST(NULL AS INTEGER) AS previous_position,
    CAST(NULL AS BIGINT) AS number
  FROM beside
  WHERE starts AND day_number > 1 AND (last_number IS NOT NULL OR NOT listed_before)
  UNION ALL
  SELECT playlist_id, 'left', gone_number, day_number, track_key, snapshot_date, position, NULL, position, NULL
  FROM beside
  WHERE gone_number IS NOT NULL AND (next_number IS NULL OR gone_number < next_number)
  UNION ALL
  SELECT
    playlist_id, 'moved', day_number, last_number, track_key, snapshot_date, position,
    position, previous_position, previous_position - position
  FROM beside
  WHERE previous_position <> position
  UNION ALL
  SELECT
    playlist_id, 'new_peak', day_number, day_number - 1, track_key, snapshot_date, position,
    position, previous_position, position
  FROM beside
  WHERE position < peak_before
  UNION ALL
  SELECT
    playlist_id, 'milestone', day_number, day_number - 1, track_key, snapshot_date, position,
    position, previous_position, days_on_list
  FROM beside
  WHERE days_on_list IN (7, 30, 100, 365)
  UNION ALL
  -- Where nobody was seen to stand first the day before, it may have been this one.
  SELECT
    beside.playlist_id, 'number_one', beside.day_number, beside.day_number - 1, beside.track_key, beside.snapshot_date,
    beside.position, beside.position, beside.previous_position, beside.position
  FROM beside
  JOIN known AS before ON beside.playlist_id = before.playlist_id AND beside.day_number = before.day_number + 1
  LEFT JOIN firsts ON beside.playlist_id = firsts.playlist_id AND beside.day_number = firsts.day_number + 1
  WHERE
    beside.position = 1
    AND COALESCE(beside.previous_position, 0) <> 1
    AND (
      beside.previous_position > 1
      OR firsts.track_key <> beside.track_key
      OR (before.entry_count = 0 AND before.missing_places = 0)
    )
),
-- Of several that were put on the list at one moment, none is told from another.
vacant AS (
  SELECT
    emptied.playlist_id,
    known_days.day_number,
    emptied.position,
    emptied.added_at,
    emptied.added_at IS NULL OR moments.entries > 1 AS is_nameless
  FROM emptied
  JOIN known_days ON emptied.playlist_id = known_days.playlist_id AND emptied.snapshot_date = known_days.snapshot_date
  LEFT JOIN moments
    ON emptied.playlist_id = moments.playlist_id
    AND emptied.snapshot_date = moments.snapshot_date
    AND emptied.added_at = moments.added_at
),
-- The best place at which an empty slot may have held an item: before it was seen here, or after it was seen before. What
-- was put on the list at the moment of something that stands there on either day, and at another moment than the item's on
-- both days, is another's.
hidden AS (
  SELECT beside.playlist_id, beside.track_key, beside.day_number, MIN(vacant.position) AS position
  FROM beside
  LEFT JOIN known AS earlier ON beside.playlist_id = earlier.playlist_id AND beside.last_number = earlier.day_number
  JOIN vacant
    ON beside.playlist_id = vacant.playlist_id
    AND vacant.day_number > COALESCE(beside.last_number, 0)
    AND vacant.day_number < beside.day_number
    AND (
      vacant.day_number > COALESCE(beside.away_number, 0)
      OR (beside.last_number > 0 AND vacant.day_number < COALESCE(earlier.whole_after, beside.day_number))
    )
  JOIN entries
    ON beside.playlist_id = entries.playlist_id
    AND beside.snapshot_date = entries.snapshot_date
    AND beside.position = entries.position
  LEFT JOIN entries AS before
    ON beside.playlist_id = before.playlist_id
    AND beside.last_seen_on = before.snapshot_date
    AND beside.last_position = before.position
  LEFT JOIN moments AS moment_here
    ON beside.playlist_id = moment_here.playlist_id
    AND beside.snapshot_date = moment_here.snapshot_date
    AND vacant.added_at = moment_here.added_at
  LEFT JOIN moments AS moment_before
    ON beside.playlist_id = moment_before.playlist_id
    AND beside.last_seen_on = moment_before.snapshot_date
    AND vacant.added_at = moment_before.added_at
  WHERE
    (
      COALESCE(beside.away_number, 0) < beside.day_number - 1
      OR beside.last_number < beside.day_number - 1
    )
    AND NOT COALESCE(
      COALESCE(moment_here.added_at, moment_before.added_at) <> entries.added_at
      AND (beside.last_number IS NULL OR vacant.added_at <> before.added_at),
      FALSE
    )
  GROUP BY beside.playlist_id, beside.track_key, beside.day_number
),
-- As many slots are empty as on the day on which it was seen. But one of these may be filled or taken away, and the item
-- stand in another one, unless the moments at which they were put on the list show that each is another's.
doubted AS (
  SELECT DISTINCT of_items.*
  FROM of_items
  JOIN entries
    ON of_items.playlist_id = entries.playlist_id
    AND of_items.seen_on = entries.snapshot_date
    AND of_items.seen_at = entries.position
  JOIN vacant
    ON of_items.playlist_id = vacant.playlist_id
    AND CASE WHEN of_items.kind = 'left' THEN of_items.day_number ELSE of_items.after_number END = vacant.day_number
  LEFT JOIN entries AS same
    ON of_items.playlist_id = same.playlist_id
    AND of_items.seen_on = same.snapshot_date
    AND vacant.added_at = same.added_at
    AND vacant.added_at <> entries.added_at
  -- Where no moment tells, a slot that is empty at the same place on both days is the same one.
  LEFT JOIN vacant AS stayed
    ON of_items.playlist_id = stayed.playlist_id
    AND CASE WHEN of_items.kind = 'left' THEN of_items.after_number ELSE of_items.day_number END = stayed.day_number
    AND vacant.position = stayed.position
    AND vacant.is_nameless
    AND stayed.is_nameless
  WHERE
    of_items.kind IN ('entered', 're-entered', 'left') AND same.playlist_id IS NULL AND stayed.playlist_id IS NULL
),
-- Then it is known by the nearest day without an empty slot; by none, where it was seen in between.
of_whole_days AS (
  SELECT
    doubted.playlist_id,
    doubted.kind,
    CASE WHEN doubted.kind = 'left' THEN seen.whole_after ELSE doubted.day_number END AS day_number,
    CASE WHEN doubted.kind = 'left' THEN doubted.after_number ELSE seen.whole_before END AS after_number,
    doubted.track_key,
    doubted.seen_on,
    doubted.seen_at,
    doubted.position,
    doubted.previous_position,
    doubted.number
  FROM doubted
  JOIN beside
    ON doubted.playlist_id = beside.playlist_id
    AND doubted.track_key = beside.track_key
    AND doubted.seen_on = beside.snapshot_date
  JOIN known AS seen ON beside.playlist_id = seen.playlist_id AND beside.day_number = seen.day_number
  WHERE
    CASE
      WHEN doubted.kind = 'left' THEN beside.next_number IS NULL OR seen.whole_after < beside.next_number
      ELSE seen.whole_before > COALESCE(beside.last_number, 0)
    END
),
no_peaks AS (
  SELECT DISTINCT of_items.playlist_id, of_items.track_key, of_items.day_number
  FROM of_items
  JOIN hidden
    ON of_items.playlist_id = hidden.playlist_id
    AND of_items.track_key = hidden.track_key
    AND of_items.day_number >= hidden.day_number
    AND of_items.position >= hidden.position
  WHERE of_items.kind = 'new_peak'
),
believed AS (
  SELECT of_items.*
  FROM of_items
  LEFT JOIN doubted
    ON of_items.playlist_id = doubted.playlist_id
    AND of_items.kind = doubted.kind
    AND of_items.track_key = doubted.track_key
    AND of_items.day_number = doubted.day_number
  LEFT JOIN no_peaks
    ON of_items.playlist_id = no_peaks.playlist_id
    AND of_items.track_key = no_peaks.track_key
    AND of_items.day_number = no_peaks.day_number
  WHERE doubted.kind IS NULL AND (of_items.kind <> 'new_peak' OR no_peaks.track_key IS NULL)
  UNION ALL
  SELECT * FROM of_whole_days
),
-- A place that an imported day lacks need not be the one that another day lacks.
certain AS (
  SELECT
    believed.*,
    here.snapshot_date,
    here.captured AND before.captured AS is_news,
    before.snapshot_date AS after_date
  FROM believed
  JOIN known AS here ON believed.playlist_id = here.playlist_id AND believed.day_number = here.day_number
  JOIN known AS before ON believed.playlist_id = before.playlist_id AND believed.after_number = before.day_number
  WHERE
    here.missing_places + before.missing_places = 0
    OR believed.kind NOT IN ('entered', 're-entered', 'left')
    OR CASE WHEN believed.kind = 'left' THEN here.empty_slots ELSE before.empty_slots END = 0
),
-- What a list tells of itself, on the days on which it tells it.
told AS (
  SELECT playlist_id, day_number, snapshot_date, captured, 'list_renamed' AS kind, name AS fact, name AS words
  FROM known
  WHERE name IS NOT NULL
  UNION ALL
  SELECT playlist_id, day_number, snapshot_date, captured, 'description_changed', description, description
  FROM known
  WHERE description IS NOT NULL
  UNION ALL
  SELECT playlist_id, day_number, snapshot_date, captured, 'owner_changed', owner_id, owner_name
  FROM known
  WHERE owner_id IS NOT NULL
  UNION ALL
  SELECT
    playlist_id, day_number, snapshot_date, captured, 'followers_jump', CAST(followers AS VARCHAR), CAST(followers AS VARCHAR)
  FROM known
  WHERE followers IS NOT NULL
),
retold AS (
  SELECT
    told.*,
    LAG(fact) OVER (PARTITION BY playlist_id, kind ORDER BY day_number) AS fact_before,
    LAG(words) OVER (PARTITION BY playlist_id, kind ORDER BY day_number) AS words_before,
    LAG(snapshot_date) OVER (PARTITION BY playlist_id, kind ORDER BY day_number) AS after_date,
    LAG(captured) OVER (PARTITION BY playlist_id, kind ORDER BY day_number) AS captured_before
  FROM told
),
-- A list that is still read has an open gap from its last known day to yesterday; an imported one ends with its source.
gaps AS (
  SELECT
    later.playlist_id,
    later.previous_date,
    later.snapshot_date AS next_date,
    later.cadence_days,
    DATE_DIFF('day', later.previous_date, later.snapshot_date) // later.cadence_days - 1 AS days,
    earlier.captured AS captured_before,
    later.captured
  FROM known AS later
  JOIN known AS earlier ON later.playlist_id = earlier.playlist_id AND later.day_number = earlier.day_number + 1
  UNION ALL
  SELECT
    known.playlist_id,
    known.snapshot_date,
    NULL,
    known.cadence_days,
    (DATE_DIFF('day', known.snapshot_date, CURRENT_DATE) - 1) // known.cadence_days,
    known.captured,
    FALSE
  FROM known
  JOIN (
    SELECT playlist_id FROM snapshots GROUP BY playlist_id HAVING NOT BOOL_AND(COALESCE(source, '') LIKE 'import:%')
  ) AS followed
    ON known.playlist_id = followed.playlist_id
  WHERE known.next_date IS NULL
),
-- A mixed day is mended by the list's next run, so it is no gap, and none is told around it before that.
unseen_days AS (
  SELECT gaps.*
  FROM gaps
  LEFT JOIN mixed_days
    ON gaps.playlist_id = mixed_days.playlist_id
    AND gaps.previous_date < mixed_days.snapshot_date
    AND (gaps.next_date IS NULL OR mixed_days.snapshot_date < gaps.next_date)
  WHERE gaps.days > 0 AND mixed_days.playlist_id IS NULL
),
of_lists AS (
  SELECT
    playlist_id,
    kind,
    snapshot_date,
    after_date,
    CASE WHEN kind = 'followers_jump' THEN CAST(fact AS BIGINT) - CAST(fact_before AS BIGINT) END AS number,
    words_before AS was,
    words AS became,
    captured AND captured_before AS is_news
  FROM retold
  WHERE fact <> fact_before
  UNION ALL
  SELECT
    later.playlist_id, 'list_emptied', later.snapshot_date, earlier.snapshot_date, NULL, NULL, NULL,
    later.captured AND earlier.captured
  FROM known AS later
  JOIN known AS earlier ON later.playlist_id = earlier.playlist_id AND later.day_number = earlier.day_number + 1
  WHERE later.entry_count = 0 AND later.missing_places = 0 AND earlier.entry_count > 0
  UNION ALL
  SELECT
    playlist_id,
    'gap_began',
    CAST(CASE WHEN cadence_days = 7 THEN previous_date + INTERVAL 7 DAY ELSE previous_date + INTERVAL 1 DAY END AS DATE),
    previous_date,
    days,
    NULL,
    NULL,
    captured_before
  FROM unseen_days
  UNION ALL
  SELECT playlist_id, 'gap_ended', next_date, previous_date, days, NULL, NULL, captured AND captured_before
  FROM unseen_days
  WHERE next_date IS NOT NULL
),
happened AS (
  SELECT
    certain.playlist_id,
    certain.kind,
    certain.snapshot_date,
    certain.after_date,
    certain.track_key AS item_key,
    -- The key is another one as soon as another URI is known to be the same; the entry's own is not.
    COALESCE(entries.uri, certain.track_key) AS own_key,
    entries.uri,
    entries.name,
    NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.name), ', '), '') AS artist_names,
    NULLIF(ARRAY_TO_STRING(LIST_TRANSFORM(entries.artists, lambda artist: artist.id), ', '), '') AS artist_ids,
    entries.isrc,
    entries.label,
    certain.position,
    certain.previous_position,
    certain.number,
    CAST(NULL AS VARCHAR) AS was,
    CAST(NULL AS VARCHAR) AS became,
    certain.is_news
  FROM certain
  JOIN entries
    ON certain.playlist_id = entries.playlist_id
    AND certain.seen_on = entries.snapshot_date
    AND certain.seen_at = entries.position
  UNION ALL
  SELECT
    playlist_id, kind, snapshot_date, after_date, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    number, was, became, is_news
  FROM of_lists
)
SELECT
  happened.playlist_id,
  playlists.name AS playlist_name,
  MD5(
    happened.playlist_id || ' ' || happened.kind || ' ' || happened.own_key || ' '
    || CAST(happened.snapshot_date AS VARCHAR)
    || CASE WHEN happened.kind = 'milestone' THEN ' ' || CAST(happened.number AS VARCHAR) ELSE '' END
  ) AS event_id,
  happened.kind,
  happened.snapshot_date,
  happened.after_date,
  happened.item_key,
  happened.uri,
  happened.name,
  happened.artist_names,
  happened.artist_ids,
  happened.isrc,
  happened.label,
  happened.position,
  happened.previous_position,
  happened.number,
  happened.was,
  happened.became,
  happened.is_news
FROM happened
JOIN playlists ON happened.playlist_id = playlists.playlist_id
