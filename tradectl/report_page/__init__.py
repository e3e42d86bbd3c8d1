"""Write a report of a period as one file: a page with charts, Markdown, CSV or JSON.

content          the values of a report, as plain dataclasses in paise
ledger_reading   read them from a ledger
charge_lines     divide the charges of fills by kind
candles          the bars and indicators around each trade
figures          compute growth, drawdown, ratios, months, streaks
alerts           what a person must look at first
page             render the page; `templates` and `assets` have its parts
plain            the same as text, Markdown, CSV and JSON
"""
