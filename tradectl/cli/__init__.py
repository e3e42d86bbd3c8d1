"""The face: it talks to people and to cron, and knows no rule of trading."""
