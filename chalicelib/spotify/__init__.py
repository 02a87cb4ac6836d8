"""Reading Spotify truthfully: credentials, requests, retries, entries as rows. May import the ground only."""
