-- Which recording (ISRC) a URI stands for, wherever in the lake it is told.
SELECT uri, MIN(UPPER(REPLACE(isrc, '-', ''))) AS isrc
FROM entries
WHERE uri IS NOT NULL AND isrc IS NOT NULL
GROUP BY uri
