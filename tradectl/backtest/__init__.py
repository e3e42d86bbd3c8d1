"""The past, traded by the rules: one symbol or one account, session by session, and the figures of the result."""
