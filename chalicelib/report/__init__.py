"""The page that people open in the morning: a static site rendered from the lake into `site/`, without any server.

Each page is one file that asks nothing of the network: styles, script and data are in it.
"""
